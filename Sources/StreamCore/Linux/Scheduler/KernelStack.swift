/// The kernel stack of a task that sleeps: what called what, by the kernel's own ORC tables; where these do not lead, the
/// addresses of code that stand on it. Source: arch/x86/kernel/unwind_orc.c; arch/x86/include/asm/orc_types.h, switch_to.h.
struct KernelStack: Sendable, Equatable {
  /// How its return addresses were found.
  enum Way: String, Sendable {
    case orc
    /// Any of them may be left over from an earlier call.
    case scanned
  }

  let way: Way
  /// Return addresses, the innermost first.
  let addresses: [VirtualAddress]
}

/// Reads stacks of one kernel.
struct StackReader: Sendable {
  private let kernel: LinuxKernel
  private let reader: KernelReader
  private let places: TaskPlaces
  /// Where the kernel's code stands.
  let text: Range<UInt64>
  private let orc: ORCTable?
  private let modules: ModuleORC
  /// Of `inactive_task_frame`.
  private let savedBP: UInt64
  private let returnAddress: UInt64

  /// THREAD_SIZE, with room for KASAN's: 16 KiB, or 32.
  private static let stackBytes: UInt64 = 16 << 10
  private static let frameLimit = 64
  static let symbols = ORCTable.symbols.union(["_stext", "_etext"])

  /// - Returns: `nil` where it is not known what is code.
  init?(_ kernel: DescribedKernel, _ places: TaskPlaces) {
    let bounds = kernel.symbols.addresses(of: ["_stext", "_etext"])
    guard let start = bounds["_stext"]?.rawValue, let end = bounds["_etext"]?.rawValue, start < end else { return nil }
    self.kernel = kernel.kernel
    self.places = places
    reader = kernel.reader
    text = start..<end
    orc = ORCTable(kernel)
    modules = ModuleORC(kernel, orc)
    // x86-64's frame is r15 to r12, bx, bp and the return address.
    savedBP = (try? kernel.types.offset("inactive_task_frame.bp", below: 4096)) ?? 40
    returnAddress = (try? kernel.types.offset("inactive_task_frame.ret_addr", below: 4096)) ?? 48
  }

  /// - Parameter task: one that no CPU runs: else its stack pointer is old.
  /// - Returns: `nil` where the dump lacks its stack.
  func stack(of task: VirtualAddress) -> KernelStack? {
    guard let pointer = reader.object(places.stackPointer, at: task),
      let base = reader.object(places.stack, at: task), pointer.rawValue >= base.rawValue,
      pointer.rawValue - base.rawValue < 2 * Self.stackBytes
    else { return nil }
    let unwound = unwind(from: pointer)
    // One address is where it switched away: that alone tells nothing.
    if unwound.count > 1 { return KernelStack(way: .orc, addresses: unwound) }
    let scanned = scan(from: pointer, base: base)
    return scanned.isEmpty ? nil : KernelStack(way: .scanned, addresses: scanned)
  }

  private func unwind(from pointer: VirtualAddress) -> [VirtualAddress] {
    guard let orc, var bp = kernel.u64((pointer &+ savedBP).rawValue),
      var ip = kernel.u64((pointer &+ returnAddress).rawValue)
    else { return [] }
    var sp = pointer.rawValue &+ returnAddress &+ 8
    var found: [VirtualAddress] = []
    while found.count < Self.frameLimit, LinuxKernel.isImageOrModule(VirtualAddress(rawValue: ip)) {
      found.append(VirtualAddress(rawValue: ip))
      // A call's return address can stand behind its function's end.
      let rule = text.contains(ip &- 1) ? orc.rule(at: ip &- 1) : modules.rule(at: ip &- 1)
      guard let rule, let base = rule.base(sp: sp, bp: bp), base > sp,
        base &- sp < 2 * Self.stackBytes, let next = kernel.u64(base &- 8)
      else { break }
      switch rule.savedBP {
      case .same: break
      case .at(let offset):
        guard let saved = kernel.u64(base &+ offset) else { return found }
        bp = saved
      case .other: return found
      }
      (sp, ip) = (base, next)
    }
    return found
  }

  private func scan(from pointer: VirtualAddress, base: VirtualAddress) -> [VirtualAddress] {
    let count = Int(min(base.rawValue &+ Self.stackBytes &- pointer.rawValue, Self.stackBytes))
    let bytes = kernel.readable(pointer, upTo: count).bytes
    let words = stride(from: 0, to: bytes.count & ~7, by: 8).lazy.compactMap { bytes.load($0, as: UInt64.self) }
    return Array(words.filter { text.contains($0) || modules.contains($0) }.prefix(Self.frameLimit)).map(
      VirtualAddress.init(rawValue:))
  }
}
