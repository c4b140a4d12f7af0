/// How kallsyms says an address. Source: scripts/kallsyms.c and kernel/kallsyms.c; Documentation/kvm.md §5.2 and §8.
public enum KallsymsForm: String, Sendable, CaseIterable {
  /// s32: of per-CPU symbols the value itself, else relative_base − 1 − it. x86 up to 6.14.
  case perCPU = "percpu"
  /// u32 from relative_base on.
  case plain
  /// s32 from its own place on, without relative_base. 7.x.
  case entry
  /// u64.
  case addresses
}

/// A name and where it stands.
public struct KernelSymbol: Sendable, Equatable {
  /// As `nm` prints it.
  public let type: Character
  public let name: String
  /// Virtual address; of a per-CPU symbol bytes from the start of a CPU's area, where the form has those.
  public let value: UInt64

  public init(_ type: Character, _ name: String, _ value: UInt64) {
    self.type = type
    self.name = name
    self.value = value
  }

  var text: String { "\(type)\(name)" }
}
