@testable import StreamCore

extension KVMTestHost {
  /// A `vcpu_vmx` at a physical address, and the facts of its region.
  mutating func addVCPU(
    at start: UInt64, kvm: UInt64, region: UInt64, id: UInt32 = 0, startToPointer: UInt64 = Self.startToPointer
  ) -> RegionFacts {
    let facts = self.facts(of: region, msrLoad: start + startToPointer + 184)
    memory.clear(start, count: startToPointer + 1600)
    memory.store(kvm, at: start)
    memory.store32(1, at: start + 32)
    memory.store32(id, at: start + 36)
    let arch = start + 296
    for register in UInt64(0)..<17 { memory.store(0x1000 + register, at: arch + register * 8) }
    memory.store(0x7fff_0000, at: arch + 4 * 8)
    memory.store32(0xfe7d_ffff, at: arch + 136)
    memory.store32(0x1_0000, at: arch + 140)
    memory.store(0x8005_0033, at: arch + 144)
    memory.store(~(facts.cr0Mask ?? 0), at: arch + 152)
    memory.store(0xc2c2, at: arch + 160)
    memory.store(0xc3000, at: arch + 168)
    memory.store(0x1706b0, at: arch + 176)
    memory.store(~(facts.cr4Mask ?? 0), at: arch + 184)
    memory.store(0xd01, at: arch + 224)
    memory.store32(3, at: arch + 308)
    addAPIC(arch: arch, vcpu: start, page: facts.virtualAPIC ?? 0, lapic: start + 0x8000, id: id)
    loadedVMCS(at: start + startToPointer, facts: facts)
    return facts
  }

  private mutating func addAPIC(arch: UInt64, vcpu: UInt64, page: UInt64, lapic: UInt64, id: UInt32) {
    memory.store(0xfee0_0800, at: arch + 240)
    memory.store(directMap + lapic, at: arch + 248)
    memory.clear(lapic, count: 512)
    memory.store(directMap + vcpu, at: lapic + 144)
    memory.store(directMap + page, at: lapic + 168)
    memory.store32(id << 24, at: page + 0x20)
    memory.store32(0x30, at: page + 0x80)
  }

  /// A `loaded_vmcs` as 6.1 has it, on a list of its CPU, named by the pointer behind it.
  mutating func loadedVMCS(at place: UInt64, facts: RegionFacts, isActive: Bool = true) {
    memory.store(directMap + facts.address.rawValue, at: place)
    memory.store(0, at: place + 8)
    memory.store(0x1_0000_0001, at: place + 16)
    memory.store(directMap + (facts.msrBitmap ?? 0), at: place + 48)
    let head = 0x60_0000 + facts.address.rawValue >> 8
    memory.store(directMap + head, at: place + 56)
    memory.store(directMap + head, at: place + 64)
    memory.store(directMap + place + 56, at: head)
    memory.store(directMap + place + 56, at: head + 8)
    let state = [facts.hostCR3, facts.hostCR4, facts.hostGSBase, facts.hostFSBase, facts.hostRSP]
    for (index, value) in state.enumerated() { memory.store(value ?? 0, at: place + 72 + UInt64(index) * 8) }
    for (index, word) in (facts.controlWords ?? []).enumerated() {
      memory.store32(word, at: place + 128 + UInt64(index) * 4)
    }
    if isActive { memory.store(directMap + place, at: place + 160) }
  }

  /// What a region says, with everything of its own derived from its address; its kernel stack is mapped.
  mutating func facts(of region: UInt64, msrLoad: UInt64) -> RegionFacts {
    var facts = RegionFacts(address: HPA(rawValue: region))
    let stack = vmalloc + 0x4000_0000 + region
    map(stack, to: 0x500_0000 + region & 0xff_f000)
    facts.hostCR3 = Self.process | 2
    facts.hostCR4 = levels == 5 ? 0x1736a0 : 0x1726a0
    facts.hostRSP = stack + 0xd00
    facts.hostGSBase = directMap + 0x70_0000
    facts.hostFSBase = 0x7f00_0000_0000 + region
    facts.entryMSRLoad = msrLoad
    facts.msrBitmap = region + 0x1000
    facts.virtualAPIC = region + 0x2000
    facts.cr0Mask = 0xffff_ffff_fffe_fff7
    facts.cr4Mask = 0xffff_ffff_fffe_f871
    facts.guestRSP = 0x7fff_0000
    facts.entryControls = 0x53ff
    facts.exitControls = 0xb_efff
    facts.pinControls = 0x7f
    facts.processorControls = 0xb5a0_6dfa
    facts.secondaryControls = 0x34fa
    facts.exitReason = 12
    memory.store(0, at: region)
    return facts
  }

  /// A host with one VM of one vCPU, as it should be.
  static func sound(
    levels: Int = 4, directMap: UInt64 = 0xffff_8880_0000_0000, vmalloc: UInt64 = 0xffff_c900_0010_0000
  ) -> (host: KVMTestHost, facts: RegionFacts, kvm: UInt64) {
    var host = KVMTestHost(levels: levels, directMap: directMap, vmalloc: vmalloc)
    let kvm = host.addVM(0)
    let facts = host.addVCPU(at: 0x80_0380, kvm: kvm, region: 0x400_0000)
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380])
    return (host, facts, kvm)
  }

  func kernel() throws -> LinuxKernel {
    try LinuxKernel(memory: memory, root: HPA(rawValue: Self.root), levels: levels, anchored: true)
  }

  /// The host as it stands, judged.
  func evidence(_ regions: [RegionFacts], search: (any PointerSearch)? = nil) throws -> HostEvidence {
    var finished = self
    finished.finishProcess()
    return try HostEvidence(kernel: try finished.kernel(), regions: regions, search: search)
  }
}
