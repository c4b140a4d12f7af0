/// The registers that KVM keeps of a vCPU, `kvm_vcpu.arch`. Source: arch/x86/include/asm/kvm_host.h;
/// Documentation/kvm.md §1, §3.
struct KVMRegisters: Sendable, Equatable {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15, RIP.
  let values: [UInt64]
  /// `regs_avail`: a clear bit means that the VMCS has the register and the copy is stale. Bit 4 is RSP, 16 is RIP.
  let available: UInt32
  /// `regs_dirty`: a set bit means that the copy is newer than the VMCS. Bit 19 is CR3.
  let dirty: UInt32
  let cr2: UInt64
  let cr3: UInt64
  /// `nil` where its place is not confirmed.
  let efer: UInt64?

  /// Bits of `regs_avail` that are always set: the general registers but RSP, which no exit takes away.
  static let alwaysAvailable: UInt32 = 0xffef

  /// `nil` unless the words at `arch.regs` can be a vCPU's.
  /// - Parameters:
  ///   - arch: physical address of `arch.regs`.
  ///   - region: the region whose guest these registers are, for a comparison of RSP.
  init?(in bytes: PhysicalBytes, arch: UInt64, efer: UInt64?, region: RegionFacts) {
    let values = (0..<17).compactMap { bytes.u64(arch &+ UInt64($0) * 8) }
    guard values.count == 17, let available = bytes.u32(arch + 136), let dirty = bytes.u32(arch + 140),
      let cr0 = bytes.u64(arch + 144), let cr2 = bytes.u64(arch + 160), let cr3 = bytes.u64(arch + 168),
      available & Self.alwaysAvailable == Self.alwaysAvailable, dirty & ~available == 0, cr0 >> 32 == 0
    else { return nil }
    if available >> 4 & 1 == 1, dirty >> 4 & 1 == 0, let stack = region.guestRSP, stack != values[4] { return nil }
    self.values = values
    self.available = available
    self.dirty = dirty
    self.cr2 = cr2
    self.cr3 = cr3
    self.efer = efer.flatMap { bytes.u64(arch &+ $0) }
  }
}
