/// The registers that KVM keeps of a vCPU, `kvm_vcpu.arch`. Source: arch/x86/include/asm/kvm_host.h;
/// Documentation/kvm.md §1, §3.
struct KVMRegisters: Sendable, Equatable {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15, RIP.
  let values: [UInt64]
  /// `regs_avail`: a clear bit means that the VMCS has the register and the copy is stale. Bit 4 is RSP, 16 is RIP.
  let available: UInt64
  /// `regs_dirty`: a set bit means that the copy is newer than the VMCS. Bit 19 is CR3.
  let dirty: UInt64
  let cr2: UInt64
  let cr3: UInt64
  /// `nil` where the guest writes bits of it without an exit: then the processor's is newer.
  let cr0: UInt64?
  let cr4: UInt64?
  /// `nil` where its place is not confirmed.
  let efer: UInt64?

  /// Bits of `regs_avail` that are always set: the general registers but RSP, which no exit takes away.
  static let alwaysAvailable: UInt64 = 0xffef

  /// `nil` unless the words at `arch.regs` can be a vCPU's.
  /// - Parameters:
  ///   - start: physical address of the vCPU's object.
  ///   - region: the region whose guest these registers are, for a comparison of RSP.
  init?(in bytes: PhysicalBytes, start: UInt64, _ arch: ArchShape, region: RegionFacts) {
    let regs = start &+ arch.regs
    let word = { (offset: UInt64) -> UInt64? in
      arch.wordSize == 8 ? bytes.u64(regs &+ offset) : bytes.u32(regs &+ offset).map(UInt64.init)
    }
    let values = (0..<16).map { bytes.u64(regs &+ UInt64($0) * 8) } + [bytes.u64(regs &+ arch.rip)]
    self.values = values.compactMap { $0 }
    guard self.values.count == 17, let available = word(arch.available), let dirty = word(arch.dirty),
      let cr0 = bytes.u64(regs &+ arch.cr0), let cr2 = bytes.u64(regs &+ arch.cr2),
      let cr3 = bytes.u64(regs &+ arch.cr3), available & Self.alwaysAvailable == Self.alwaysAvailable,
      dirty & ~available == 0, cr0 >> 32 == 0
    else { return nil }
    let stack = self.values[4]
    if available >> 4 & 1 == 1, dirty >> 4 & 1 == 0, let own = region.guestRSP, own != stack { return nil }
    self.available = available
    self.dirty = dirty
    self.cr2 = cr2
    self.cr3 = cr3
    let whole = { (offset: UInt64) -> UInt64? in
      bytes.u64(regs &+ offset &+ ArchShape.owned) == 0 ? bytes.u64(regs &+ offset) : nil
    }
    self.cr0 = whole(arch.cr0)
    cr4 = whole(arch.cr0 &+ ArchShape.cr4)
    efer = arch.efer.flatMap { bytes.u64(regs &+ $0) }
  }
}
