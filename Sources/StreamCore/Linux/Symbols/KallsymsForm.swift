/// How an entry of kallsyms' table of addresses gives one. Source: kernel/kallsyms.c, kallsyms_sym_address;
/// Documentation/kvm.md §5.2, §8.
enum KallsymsForm: Sendable, Equatable {
  /// 32 bits; a value not below 0 is itself (per-CPU symbols), another is `base - 1 - value`. x86 up to 6.14.
  case absolutePerCPU(base: UInt64)
  /// 32 bits without sign, added to `base`.
  case relative(base: UInt64)
  /// 32 bits with sign, added to the entry's own address. Since 7.0.
  case toEntry(table: UInt64)
  /// 64 bits, the address itself. Up to 6.10, where built so.
  case absolute
}

extension KallsymsForm: CustomStringConvertible {
  var description: String {
    switch self {
    case .absolutePerCPU: "relative to a base, per-CPU symbols absolute"
    case .relative: "relative to a base"
    case .toEntry: "relative to the entry"
    case .absolute: "absolute"
    }
  }
}

/// What a symbol's entry says.
enum SymbolValue: Sendable, Hashable {
  case address(VirtualAddress)
  /// A variable that each CPU has: what `__per_cpu_offset` of a CPU is added to for its address. Also other absolute
  /// values that are no kernel address.
  case perCPU(UInt64)
}

/// kallsyms' table of addresses: bytes that were read, or where they stand, for a few symbols take a few pages of it.
struct KallsymsAddresses: Sendable {
  private enum Values: Sendable {
    case bytes([UInt8])
    case place(VirtualAddress, LinuxKernel)
  }

  let form: KallsymsForm
  private let values: Values

  init(form: KallsymsForm, values: [UInt8]) {
    self.form = form
    self.values = .bytes(values)
  }

  /// - Parameter table: whose ends can be read.
  init(form: KallsymsForm, table: VirtualAddress, kernel: LinuxKernel) {
    self.form = form
    values = .place(table, kernel)
  }

  /// `nil` behind the end of a table that was read, and where the table cannot be read.
  /// - Parameter place: the symbol's number, below the number of symbols.
  subscript(place: Int) -> SymbolValue? {
    if form == .absolute { return (try? entry(place, size: 8))?.map(Self.value) }
    guard let value = (try? entry(place, size: 4)) ?? nil else { return nil }
    let offset = Int32(truncatingIfNeeded: value)
    let signed = UInt64(bitPattern: Int64(offset))
    switch form {
    case .absolute: return nil
    case .absolutePerCPU(let base): return offset >= 0 ? .perCPU(signed) : Self.value(base &- 1 &- signed)
    case .relative(let base): return Self.value(base &+ UInt64(UInt32(bitPattern: offset)))
    case .toEntry(let table): return Self.value(table &+ UInt64(place) * 4 &+ signed)
    }
  }

  /// Why the entry of a symbol cannot be read.
  func fault(at place: Int) -> KernelReadFault? {
    do throws(KernelReadFault) { _ = try entry(place, size: form == .absolute ? 8 : 4) } catch { return error }
    return nil
  }

  private func entry(_ place: Int, size: Int) throws(KernelReadFault) -> UInt64? {
    switch values {
    case .place(let table, let kernel): return try kernel.integer(table &+ UInt64(place * size), size: size)
    case .bytes(let bytes):
      return size == 8 ? bytes.load(place * 8) : bytes.load(place * 4, as: UInt32.self).map(UInt64.init)
    }
  }

  private static func value(_ value: UInt64) -> SymbolValue {
    value >> 63 == 1 ? .address(VirtualAddress(rawValue: value)) : .perCPU(value)
  }
}
