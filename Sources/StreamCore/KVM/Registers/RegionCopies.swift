/// The copies that the host's kernel keeps of VMCS fields, by its own types: what an unknown layout is inferred from.
/// A copy counts only while KVM itself takes it for what the region holds. Source: arch/x86/kvm/vmx/vmx.h, vmcs.h,
/// vmx.c, kvm_cache_regs.h; Documentation/kvm.md §1, §3.
struct RegionCopies: Sendable {
  private let reader: KernelReader
  private let arch: ArchShape?
  private let bits: RegisterBits

  init(_ reader: KernelReader, _ types: KVMTypes) {
    self.reader = reader
    arch = types.arch
    bits = RegisterBits((try? reader.types.enumerators(RegisterBits.names)) ?? [:])
  }

  /// The regions that the VMs of the list name and the dump holds, in order of address.
  func clues(of listed: ListedVMs) -> [RegionClues] {
    var clues: [RegionClues] = []
    let memories = Dictionary(
      listed.vms.compactMap { vm in (try? vm.memory.get()).map { (vm.kvm, $0) } }, uniquingKeysWith: { one, _ in one })
    for (region, claim) in listed.claims {
      guard let page = reader.kernel.memory.page(region.frame).page else { continue }
      var clue = RegionClues(address: region, page: page, vm: claim.kvm)
      (clue.known, clue.guest) = known(of: claim, memories[claim.kvm])
      clues.append(clue)
    }
    return clues.sorted { $0.address < $1.address }
  }

  private func known(
    of claim: ListedVMs.Claim, _ memory: VMMemory?
  ) -> ([VMCSField: KnownValue], GuestSight?) {
    let vcpu = claim.vcpu.pointer.address
    let structure = claim.isNested ? "vcpu_vmx.nested.vmcs02" : "vcpu_vmx.vmcs01"
    var copies = VCPUCopies(reader: reader, vcpu: vcpu)
    copies.addLoaded(structure)
    if !claim.isNested { copies.addOwn(roots: claim.vcpu.roots ?? []) }
    if let own = try? reader.address(try reader.types.path(structure), at: vcpu),
      let loaded = try? reader.pointer("vcpu_vmx.loaded_vmcs", at: vcpu), own == loaded
    {
      addArch(&copies, isNested: claim.isNested)
      if !claim.isNested, let memory, let levels = longModeLevels(copies) {
        let pages = SlotPages(memory: memory, host: reader.kernel.memory)
        return (copies.known, GuestSight(pages: pages, levels: levels))
      }
    }
    return (copies.known, nil)
  }

  /// Of the guest's page tables, where it pages in long mode: by bits that it cannot change without an exit. `nil`: it does
  /// not, or that cannot be told.
  private func longModeLevels(_ copies: VCPUCopies) -> Int? {
    let owned = (copies.value("kvm_vcpu.arch.cr0_guest_owned_bits"), copies.value("kvm_vcpu.arch.cr4_guest_owned_bits"))
    let paging: UInt64 = 0x8000_0001
    let pae: UInt64 = 1 << 5
    let la57: UInt64 = 1 << 12
    guard copies.hasEPT, let arch, let cr0 = word(arch.cr0, copies, size: 8), let ownedOfCR0 = owned.0,
      let cr4 = copies.value("kvm_vcpu.arch.cr4"), let ownedOfCR4 = owned.1,
      let efer = copies.value("kvm_vcpu.arch.efer"),
      cr0 & paging == paging, ownedOfCR0 & paging == 0, cr4 & pae != 0, ownedOfCR4 & (pae | la57) == 0,
      efer >> 10 & 1 == 1
    else { return nil }
    return cr4 & la57 == 0 ? 4 : 5
  }

  /// What KVM keeps of the guest that runs on the vCPU, its own guest's while that does.
  private func addArch(_ copies: inout VCPUCopies, isNested: Bool) {
    guard let arch, let available = word(arch.available, copies), let dirty = word(arch.dirty, copies),
      let cr0 = word(arch.cr0, copies, size: 8),
      available & KVMRegisters.alwaysAvailable == KVMRegisters.alwaysAvailable,
      dirty & ~available == 0
    else { return }
    // While the guest runs on a processor that did not stop, nothing lazy is what it was.
    let isOutside = copies.value("kvm_vcpu.mode") == 0 || available >> RegisterBits.rip & 1 == 0
    func isValid(_ bit: UInt64?) -> Bool { isOutside && bit.map { available >> $0 & ~(dirty >> $0) & 1 == 1 } ?? false }
    if isValid(RegisterBits.rsp) { copies.add(.GUEST_RSP, word(4 * 8, copies, size: 8), "arch.regs, RSP available") }
    if isOutside, available >> RegisterBits.rip & 1 == 1, let rip = word(arch.rip, copies, size: 8) {
      // Dirty: KVM has skipped an instruction, of 15 bytes at most, and writes that back with the next entry.
      copies.known[.GUEST_RIP] = KnownValue(
        values: [rip], slack: dirty >> RegisterBits.rip & 1 == 1 ? 15 : 0, source: "arch.regs, RIP available")
    }
    // Without protection and paging the fields differ from the copies in what the processor has to have.
    let isPaging = cr0 & 0x8000_0001 == 0x8000_0001
    if isPaging, isValid(bits.rflags) {
      copies.add(.GUEST_RFLAGS, copies.value("vcpu_vmx.rflags"), "vmx.rflags, available")
    }
    if isPaging, isValid(bits.cr3), copies.hasEPT {
      copies.add(.GUEST_CR3, word(arch.cr3, copies, size: 8), "arch.cr3, available")
    }
    copies.add(.TSC_OFFSET, copies.value("kvm_vcpu.arch.tsc_offset"), "arch.tsc_offset")
    if isValid(bits.segments) { copies.addSegments() }
    let owned = (copies.value("kvm_vcpu.arch.cr0_guest_owned_bits"), copies.value("kvm_vcpu.arch.cr4_guest_owned_bits"))
    copies.add(.CR0_GUEST_HOST_MASK, owned.0.map { ~$0 }, "arch.cr0_guest_owned_bits")
    copies.add(.CR4_GUEST_HOST_MASK, owned.1.map { ~$0 }, "arch.cr4_guest_owned_bits")
    guard !isNested else { return }
    if copies.controls & 1 << 14 != 0 { copies.add(.GUEST_IA32_PAT, copies.value("kvm_vcpu.arch.pat"), "arch.pat") }
    if let own = owned.0 { copies.addCR0(cr0, owned: own, isWhole: isValid(bits.cr0)) }
    if let own = owned.1, let cr4 = copies.value("kvm_vcpu.arch.cr4") {
      copies.addCR4(cr4, owned: own, isWhole: isValid(bits.cr4), isPaging: isPaging)
    }
  }

  /// - Parameter offset: from `arch.regs`.
  private func word(_ offset: UInt64, _ copies: VCPUCopies, size: Int? = nil) -> UInt64? {
    guard let arch else { return nil }
    return try? reader.kernel.integer(copies.vcpu &+ (arch.regs &+ offset), size: size ?? Int(arch.wordSize))
  }
}
