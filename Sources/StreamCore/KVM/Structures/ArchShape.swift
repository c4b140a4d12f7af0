/// Places inside `kvm_vcpu` beyond the pointer to the region, as the host's vCPUs agree on them; bytes. Source:
/// Documentation/kvm.md §1, §2.4.
struct ArchShape: Equatable, Sendable {
  /// From the start of the object to `arch.regs`.
  let regs: UInt64
  /// From `arch.regs` to the register RIP, `regs_avail`, `regs_dirty`, CR0, CR2 and CR3. As preset since 2.6.34, and up
  /// to 7.1.
  var rip: UInt64 = 128
  var available: UInt64 = 136
  var dirty: UInt64 = 140
  var cr0: UInt64 = 144
  var cr2: UInt64 = 160
  var cr3: UInt64 = 168
  /// From CR0 to the bits of it that the guest owns, to CR4 and to its: these neighbours have kept their order, too.
  static let owned: UInt64 = 8
  static let cr4: UInt64 = 32
  /// Bytes of `regs_avail` and of `regs_dirty`: 4, or 8 since 7.2.
  var wordSize: UInt64 = 4
  /// From `arch.regs` to `arch.efer`.
  var efer: UInt64?
  /// From `arch.regs` to `arch.apic_base` and `arch.apic`, and from the start of the `kvm_lapic` to its `regs`.
  var apicBase: UInt64?
  var apic: UInt64?
  var lapicRegs: UInt64?
  /// From the start of the `kvm_lapic` to its `vcpu`, where that has to name the vCPU.
  var lapicVCPU: UInt64?
  /// From `arch.regs` to `arch.mp_state`.
  var mpState: UInt64?
  /// From the start of the object to `vcpu_id`.
  var vcpuID: UInt64?
  /// From the start of the object to the guest's KERNEL_GS_BASE.
  var kernelGSBase: UInt64?

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
