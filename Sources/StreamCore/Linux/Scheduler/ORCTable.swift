/// The kernel's table of how to find a caller from each place of its code. Source: arch/x86/include/asm/orc_types.h;
/// arch/x86/kernel/unwind_orc.c, __orc_find.
struct ORCTable: Sendable {
  /// How to go from one frame to the caller's.
  struct Rule: Sendable, Equatable {
    enum Register: Sendable, Equatable { case sp, bp }

    enum SavedBP: Sendable, Equatable {
      case same
      /// So many bytes from the frame's base.
      case at(UInt64)
      case other
    }

    let register: Register
    let offset: UInt64
    let savedBP: SavedBP

    /// Where the caller's stack begins, behind the return address; `nil` for what is no stack.
    func base(sp: UInt64, bp: UInt64) -> UInt64? {
      let base = (register == .sp ? sp : bp) &+ offset
      return base & 7 == 0 && base >> 63 == 1 ? base : nil
    }
  }

  private let reader: KernelReader
  private var places: VirtualAddress
  private var rules: VirtualAddress
  private var count: Int
  /// It has no last entry that is another's.
  private var isModules = false
  private let fields: Fields
  private var numbers: Numbers?

  private struct Fields: Sendable {
    let spOffset: ResolvedPath
    let bpOffset: ResolvedPath
    let spRegister: ResolvedPath
    let bpRegister: ResolvedPath
    let type: ResolvedPath
  }

  static let symbols: Set<String> = ["__start_orc_unwind_ip", "__stop_orc_unwind_ip", "__start_orc_unwind"]
  /// A distribution's kernel has 400,000.
  private static let limit: UInt64 = 1 << 24
  private static let entryBytes: UInt64 = 6

  /// `nil`: the kernel has no such table, or its types do not tell its form.
  init?(_ kernel: DescribedKernel) {
    let found = kernel.symbols.addresses(of: Self.symbols)
    guard let start = found["__start_orc_unwind_ip"], let stop = found["__stop_orc_unwind_ip"],
      let rules = found["__start_orc_unwind"], stop.rawValue > start.rawValue,
      stop.rawValue - start.rawValue <= Self.limit * 4, let size = try? kernel.types.size(of: "orc_entry"),
      size == Int(Self.entryBytes), let spOffset = try? kernel.types.path("orc_entry.sp_offset"),
      let bpOffset = try? kernel.types.path("orc_entry.bp_offset"),
      let spRegister = try? kernel.types.path("orc_entry.sp_reg"),
      let bpRegister = try? kernel.types.path("orc_entry.bp_reg"), let type = try? kernel.types.path("orc_entry.type")
    else { return nil }
    reader = kernel.reader
    places = start
    self.rules = rules
    count = Int((stop.rawValue - start.rawValue) / 4)
    fields = Fields(
      spOffset: spOffset, bpOffset: bpOffset, spRegister: spRegister, bpRegister: bpRegister, type: type)
    numbers = numbersOfRegisters()
    guard numbers != nil else { return nil }
  }

  /// The same of a module's code, whose entries are of the kernel's form.
  /// - Returns: `nil` for more entries than there can be.
  func module(places: VirtualAddress, rules: VirtualAddress, count: UInt64) -> ORCTable? {
    guard (1...Self.limit).contains(count) else { return nil }
    var table = self
    (table.places, table.rules, table.count, table.isModules) = (places, rules, Int(count), true)
    return table
  }

  /// Rules that are looked at to find out the registers' numbers.
  private static let sampleSize = 512
  /// ORC_REG_BP, in every kernel so far.
  private static let bp: UInt64 = 4

  /// The numbers of registers changed between 6.19 and 7.3. Nearly all code finds its caller by SP, and nearly all that
  /// saves BP has it at a distance from the caller's stack: these are the numbers that most rules have.
  private func numbersOfRegisters() -> Numbers? {
    var base: [UInt64: Int] = [:]
    var saved: [UInt64: Int] = [:]
    for index in stride(from: 0, to: count, by: max(1, count / Self.sampleSize)) {
      let entry = rules &+ UInt64(index) * Self.entryBytes
      guard let type = try? reader.value(fields.type, at: entry), type == call,
        let register = try? reader.value(fields.spRegister, at: entry),
        let other = try? reader.value(fields.bpRegister, at: entry)
      else { continue }
      base[register, default: 0] += 1
      if other != 0 { saved[other, default: 0] += 1 }
    }
    let rank = { (counts: [UInt64: Int]) in counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key }
    guard let sp = rank(base), let previousSP = rank(saved), sp != 0, sp != Self.bp else { return nil }
    return Numbers(sp: sp, previousSP: previousSP)
  }

  /// "Call" is 0 of two bits up to 6.3, then 2 of three.
  private var call: UInt64 { fields.type.member.bitSize == 3 ? 2 : 0 }

  /// The rule for a place in its code; `nil` also for one that a plain call does not lead from.
  func rule(at address: UInt64) -> Rule? {
    // Of each entry the table has its distance to the place.
    func place(_ index: Int) -> UInt64? {
      let entry = places &+ UInt64(index) * 4
      guard let value = try? reader.kernel.integer(entry, size: 4) else { return nil }
      return entry.rawValue &+ UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    }
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      guard let own = place(middle) else { return nil }
      if own <= address { low = middle + 1 } else { high = middle }
    }
    // Before the first and behind the kernel's last is another's code.
    guard low > 0, low < count || isModules else { return nil }
    return rule(rules &+ UInt64(low - 1) * Self.entryBytes)
  }

  private func rule(_ entry: VirtualAddress) -> Rule? {
    guard let numbers, let type = try? reader.value(fields.type, at: entry), type == call,
      let register = try? reader.value(fields.spRegister, at: entry),
      let offset = try? reader.value(fields.spOffset, at: entry),
      let saved = try? reader.value(fields.bpRegister, at: entry),
      let savedOffset = try? reader.value(fields.bpOffset, at: entry)
    else { return nil }
    let base: Rule.Register
    switch register {
    case numbers.sp: base = .sp
    case Self.bp: base = .bp
    default: return nil
    }
    let bp: Rule.SavedBP =
      switch saved {
      case 0: .same
      case numbers.previousSP: .at(savedOffset)
      default: .other
      }
    return Rule(register: base, offset: offset, savedBP: bp)
  }

  /// ORC_REG_SP and ORC_REG_PREV_SP; ORC_REG_UNDEFINED is 0.
  private struct Numbers: Sendable {
    let sp: UInt64
    let previousSP: UInt64
  }
}
