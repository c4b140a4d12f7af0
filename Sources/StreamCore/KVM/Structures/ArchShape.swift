/// Places inside `kvm_vcpu` beyond the pointer to the region, as the host's vCPUs agree on them; bytes. Source:
/// Documentation/kvm.md §1, §2.4.
struct ArchShape: Equatable, Sendable {
  /// From the start of the object to `arch.regs`.
  let regs: UInt64
  /// From `arch.regs` to `arch.efer`.
  var efer: UInt64?
  /// From `arch.regs` to `arch.apic`, and from the start of the `kvm_lapic` to its `regs`.
  var apic: UInt64?
  var lapicRegs: UInt64?
  /// From `arch.regs` to `arch.mp_state`.
  var mpState: UInt64?
  /// `cpu` and `vcpu_id` stand at 32 and 36, behind `kvm` and the preempt notifier.
  var hasIdentity = false
  /// The object is one whose every distance is known: 6.1 to 6.12. Documentation/kvm.md §6.
  var isKnown = false

  /// From `arch.regs` to the copy of the CR0 bits that the guest owns, by which `arch` is found: 17 registers, the two
  /// words of bits, CR0. These neighbours have kept their order since 2.6.34.
  static let anchor: UInt64 = 17 * 8 + 2 * 4 + 8
  /// `efer` and `apic` are looked for in so many bytes from `arch.regs`, behind CR4 and what belongs to it.
  static let reach: Range<UInt64> = 184..<400
  /// Bytes of a `kvm_lapic` that are looked at.
  static let lapicSize: UInt64 = 512
  /// EFER bits that a guest can have: SCE, LME, LMA, NX, SVME, LMSLE, FFXSR, TCE, AIBRSE. Source: AMD APM vol. 2,
  /// 3.1.7.
  static let eferBits: UInt64 = 0x20_fd01
}
