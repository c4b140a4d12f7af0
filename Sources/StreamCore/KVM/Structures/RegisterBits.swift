/// Bits of `regs_avail` and `regs_dirty`; `nil` where the types do not name one. Source: arch/x86/include/asm/kvm_host.h,
/// enum kvm_reg.
struct RegisterBits: Sendable {
  let rflags: UInt64?
  let cr0: UInt64?
  let cr3: UInt64?
  let cr4: UInt64?
  let segments: UInt64?
  static let rsp: UInt64 = 4
  static let rip: UInt64 = 16

  /// VCPU_REG_ since 7.2.
  private static let prefixes = ["VCPU_EXREG_", "VCPU_REG_"]
  /// The enumerators that tell.
  static let names = Set(
    prefixes.flatMap { prefix in ["CR0", "CR3", "CR4", "RFLAGS", "SEGMENTS"].map { prefix + $0 } })

  /// - Parameter values: of `names`, as far as the types have them.
  init(_ values: [String: Int64]) {
    func bit(_ name: String) -> UInt64? {
      Self.prefixes.lazy.compactMap { values[$0 + name] }.first.flatMap { (17..<64).contains($0) ? UInt64($0) : nil }
    }
    rflags = bit("RFLAGS")
    cr0 = bit("CR0")
    cr3 = bit("CR3")
    cr4 = bit("CR4")
    segments = bit("SEGMENTS")
  }
}
