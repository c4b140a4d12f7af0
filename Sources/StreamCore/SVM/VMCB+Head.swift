/// How the VMCB of a KVM guest begins, by what KVM intercepts in every guest. Source: arch/x86/kvm/svm/svm.c, init_vmcb;
/// Documentation/amd.md §1.
extension VMCB {
  /// Reads of CR4, and of CR0 where KVM has bits of it that the guest must not see; with nested paging no others. A guest
  /// with encrypted state has none, and so is found by its VM alone.
  static let firstBytes: [UInt8] = [0x10, 0x11]

  /// The machine check among the exceptions; of instructions INTR, NMI, CPUID, IOIO and MSR.
  private static let always: UInt64 = 0x1804_0003 << 32 | 1 << 18

  /// - Parameters:
  ///   - low: the page's first quadword.
  ///   - high: its second.
  @inline(__always)
  static func canBegin(with low: UInt64, _ high: UInt64) -> Bool {
    high & always == always && low & 0xfe == 0x10
  }
}
