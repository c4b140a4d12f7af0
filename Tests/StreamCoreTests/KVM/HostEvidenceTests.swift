import Testing

@testable import StreamCore

@Suite struct HostEvidenceTests {
  typealias Verdict = Result<VCPUEvidence, EvidenceFault>

  private func verdict(_ host: KVMTestHost, _ facts: RegionFacts, others: [RegionFacts] = []) throws -> Verdict {
    try host.evidence(others + [facts]).evidence(for: facts.address)
  }

  @Test(
    arguments: [(4, 0xffff_8b0f_4000_0000, 0xffff_d054_0010_0000), (5, 0xff11_0000_0000_0000, 0xffa0_0000_0010_0000)]
      as [(Int, UInt64, UInt64)])
  func `a sound vCPU has evidence, and says on which frames it rests`(
    levels: Int, directMap: UInt64, vmalloc: UInt64
  ) throws {
    let (host, facts, kvm) = KVMTestHost.sound(levels: levels, directMap: directMap, vmalloc: vmalloc)
    let evidence = try host.evidence([facts])
    let proof = try evidence.evidence(for: facts.address).get()
    #expect(proof.role == .vmcs01)
    #expect(proof.kvm.rawValue == kvm)
    #expect(proof.vcpu.rawValue == directMap + 0x80_0380)
    #expect(proof.index == 0 && proof.isActive == true && proof.cpu == 1)
    #expect(proof.checks == RegionHolderCheck.loadedVMCS)
    // Region, HOST_CR3's table, kernel stack, vcpu_vmx (two pages), struct kvm (two pages), the xarray's node.
    #expect(Set(proof.frames).isSuperset(of: [0x4000, 0x101, 0x5000, 0x800, 0x801, 0x3000, 0x3001, 0x900]))
    #expect(evidence.kvms.map(\.address.rawValue) == [kvm])
    #expect(evidence.region(of: proof.vcpu) == facts.address)
  }

  @Test func `a start that no guess knows is found through the VM's table, and the next vCPU by the vote`() throws {
    var host = KVMTestHost()
    let kvm = host.addVM(0)
    let first = host.addVCPU(at: 0x80_0380, kvm: kvm, region: 0x400_0000, startToPointer: 7032)
    let second = host.addVCPU(at: 0x81_0700, kvm: kvm, region: 0x401_0000, id: 1, startToPointer: 7032)
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380, 0x81_0700])
    let evidence = try host.evidence([first, second])
    #expect(evidence.shape == VCPUShape(startToPointer: 7032, pointerToMSRLoad: 184, pointerToLoaded: 160))
    #expect(try evidence.evidence(for: second.address).get().index == 1)
  }

  @Test func `HOST_CR3 without this kernel's half is no host's`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    host.memory.clear(0x77_0000, count: 4096)
    facts.hostCR3 = 0x77_0000
    #expect(try verdict(host, facts) == .failure(.hostCR3(0x77_0000, .missing(entry: 511))))
  }

  @Test func `HOST_RSP that the kernel does not map is no host's`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    facts.hostRSP = 0xffff_c900_7777_0d00
    #expect(try verdict(host, facts) == .failure(.hostRSPUnmapped(0xffff_c900_7777_0d00)))
  }

  @Test func `a region that no loaded_vmcs names has none`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    host.memory.store(0, at: 0x80_0380 + KVMTestHost.startToPointer)
    #expect(try verdict(host, facts) == .failure(.noLoadedVMCS(facts.address)))
  }

  @Test func `a register of the guest that holds a region's address is no loaded_vmcs`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    // KERNEL_GS_BASE, 24 bytes before vmcs01: the guest writes what it likes.
    // The forger knows all that its own region says.
    var forged = facts
    forged.address = HPA(rawValue: 0x480_0000)
    host.memory.store(host.directMap + 0x480_0000, at: 0x80_0380 + KVMTestHost.startToPointer - 24)
    #expect(try verdict(host, forged, others: [facts]) == .failure(.noLoadedVMCS(forged.address)))
    #expect(throws: Never.self) { try host.evidence([forged, facts]).evidence(for: facts.address).get() }
    // Its own region is lost: still none.
    #expect(try verdict(host, forged) == .failure(.noLoadedVMCS(forged.address)))
  }

  @Test func `a complete fake whose struct kvm lies in the direct map fails, with or without a list of its own`() throws
  {
    var (host, facts, _) = KVMTestHost.sound()
    let kvm = host.directMap + 0xa0_0000
    host.memory.clear(0xa0_0000, count: KVMTestHost.kvmSize)
    let forged = host.addVCPU(at: 0xb0_0380, kvm: kvm, region: 0x480_0000)
    host.setTable(of: kvm, node: 0xa1_0000, vcpus: [0xb0_0380])
    let expected = Verdict.failure(.kvm(.notListed(VirtualAddress(rawValue: kvm))))
    #expect(try verdict(host, forged, others: [facts]) == expected)
    // A ring of two nodes, both the forger's.
    let node = kvm + KVMTestHost.listOffset
    for (from, to) in [(node, kvm + 0x2000), (kvm + 0x2000, node)] {
      host.poke(to, at: from)
      host.poke(from, at: to + 8)
    }
    #expect(try verdict(host, forged, others: [facts]) == expected)
    // Into the kernel's own list, which does not point back.
    host.poke(KVMTestHost.listHead, at: node)
    host.poke(host.list[1], at: node + 8)
    #expect(try verdict(host, forged, others: [facts]) == expected)
  }

  @Test func `a VM that the kernel's list passes through may lie in the direct map, with its array of vCPUs`() throws {
    var host = KVMTestHost()
    let kvm = host.addOldVM(at: 0xa0_0000)
    let first = host.addVCPU(at: 0x80_0380, kvm: kvm, region: 0x400_0000)
    let second = host.addVCPU(at: 0x81_0700, kvm: kvm, region: 0x401_0000, id: 1)
    host.poke(host.directMap + 0x80_0380, at: kvm + 64)
    host.poke(host.directMap + 0x81_0700, at: kvm + 72)
    host.memory.store32(2, at: 0xa0_0000 + KVMTestHost.listOffset - 16)
    let evidence = try host.evidence([first, second])
    #expect(try evidence.evidence(for: second.address).get().index == 1)
    host.memory.store32(3, at: 0xa0_0000 + KVMTestHost.listOffset - 16)
    #expect(
      try verdict(host, first) == .failure(.noVCPU(pointer: HPA(rawValue: 0x80_0380 + KVMTestHost.startToPointer))))
  }

  @Test func `a list that is cut proves nothing`() throws {
    var host = KVMTestHost()
    let kvm = host.addOldVM(at: 0xa0_0000)
    let facts = host.addVCPU(at: 0x80_0380, kvm: kvm, region: 0x400_0000)
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380])
    #expect(throws: Never.self) { try verdict(host, facts).get() }
    let fault = EvidenceFault.noVCPU(pointer: HPA(rawValue: 0x80_0380 + KVMTestHost.startToPointer))
    // A back pointer far from this VM, in a list of four.
    var far = host
    let others = [far.addVM(1), far.addVM(2), far.addVM(3)]
    #expect(throws: Never.self) { try verdict(far, facts).get() }
    far.poke(KVMTestHost.listHead, at: others[1] + KVMTestHost.listOffset + 8)
    #expect(try verdict(far, facts) == .failure(fault))
    host.poke(0, at: KVMTestHost.listHead + 8)
    #expect(try verdict(host, facts) == .failure(fault))
  }

  @Test func `a vCPU that its VM's table lacks has no way back, whatever the guest wrote into its struct kvm`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    let forged = host.addVCPU(at: 0xb0_0380, kvm: kvm, region: 0x480_0000)
    let expected = Verdict.failure(
      .notInTable(vcpu: HPA(rawValue: 0xb0_0380), kvm: VirtualAddress(rawValue: kvm)))
    #expect(try verdict(host, forged, others: [facts]) == expected)
    // The wall clock's address, in arch, as the vCPU's own address and as a node's.
    host.poke(host.directMap + 0xb0_0380, at: kvm + 4760)
    host.node(0xa1_0000, array: kvm + 4768 - 8, slots: [0: host.directMap + 0xb0_0380])
    host.poke(host.directMap + 0xa1_0000 | 2, at: kvm + 4768)
    #expect(try verdict(host, forged, others: [facts]) == expected)
    // Not even when the dump has lost the true table.
    host.memory.remove(0x900)
    let fault = EvidenceFault.noVCPU(pointer: HPA(rawValue: 0xb0_0380 + KVMTestHost.startToPointer))
    #expect(try verdict(host, forged, others: [facts]) == .failure(fault))
  }

  @Test func `a node that does not name the VM's own array is not its table`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    host.memory.store(kvm + 64, at: 0x90_0000 + 16)
    let fault = EvidenceFault.noVCPU(pointer: HPA(rawValue: 0x80_0380 + KVMTestHost.startToPointer))
    #expect(try verdict(host, facts) == .failure(fault))
    let other = host.addVM(1)
    let sound = host.addVCPU(at: 0x82_0380, kvm: other, region: 0x402_0000)
    host.setTable(of: other, node: 0x91_0000, vcpus: [0x82_0380])
    let missing = Verdict.failure(.kvm(.noVCPUTable(VirtualAddress(rawValue: kvm))))
    #expect(try verdict(host, facts, others: [sound]) == missing)
  }

  @Test func `a VM outside the list that the host's VMs stand in is not believed`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    let other = host.addVM(1, listed: false)
    let stranger = host.addVCPU(at: 0x82_0380, kvm: other, region: 0x402_0000)
    host.setTable(of: other, node: 0x91_0000, vcpus: [0x82_0380])
    let alone = EvidenceFault.noVCPU(pointer: HPA(rawValue: 0x82_0380 + KVMTestHost.startToPointer))
    #expect(try verdict(host, stranger) == .failure(alone))
    let expected = Verdict.failure(.kvm(.notListed(VirtualAddress(rawValue: other))))
    #expect(try verdict(host, stranger, others: [facts]) == expected)
    #expect(try host.evidence([stranger, facts]).evidence(for: stranger.address) == expected)
  }

  @Test func `tables above 64 vCPUs have several levels`() throws {
    var host = KVMTestHost()
    let kvm = host.addVM(0)
    let facts = host.addVCPU(at: 0x80_0380, kvm: kvm, region: 0x400_0000, id: 70)
    let array = kvm + KVMTestHost.tableOffset
    let top = host.directMap + 0x90_0000
    host.node(0x91_0000, array: array, parent: top, slots: [6: host.directMap + 0x80_0380])
    host.node(0x90_0000, array: array, shift: 6, slots: [1: host.directMap + 0x91_0000 | 2])
    host.poke(top | 2, at: array + 8)
    #expect(try verdict(host, facts).get().index == 70)
  }

  @Test func `vmcs02 is the nested guest's, and the pointer in use tells whose registers arch holds`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    let start: UInt64 = 0x80_0380
    let pointer = start + KVMTestHost.startToPointer
    let inner = host.facts(of: 0x480_0000, msrLoad: facts.entryMSRLoad ?? 0)
    host.loadedVMCS(at: pointer + 1304, facts: inner, isActive: false)
    let idle = try host.evidence([inner, facts])
    let proof = try idle.evidence(for: inner.address).get()
    #expect(proof.role == .nested(of: VirtualAddress(rawValue: host.directMap + start)))
    #expect(proof.isActive == false)
    host.memory.store(host.directMap + pointer + 1304, at: pointer + 160)
    let busy = try host.evidence([inner, facts])
    #expect(try busy.evidence(for: inner.address).get().isActive == true)
    #expect(try busy.evidence(for: facts.address).get().isActive == false)
  }

  @Test func `a register of the guest behind vmcs01 that holds a region's address is no vmcs02`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    let inner = host.facts(of: 0x480_0000, msrLoad: facts.entryMSRLoad ?? 0)
    host.memory.store(host.directMap + 0x480_0000, at: 0x80_0380 + KVMTestHost.startToPointer + 1304)
    #expect(try verdict(host, inner, others: [facts]) == .failure(.noLoadedVMCS(inner.address)))
  }

  /// Most of the host's regions are lost, and a guest's registers hold what looks like a `loaded_vmcs`.
  @Test func `two places with as many vCPUs prove nothing`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    let forged = host.addVCPU(at: 0x81_0700, kvm: kvm, region: 0x480_0000, id: 1, startToPointer: 296)
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380, 0x81_0700])
    for regions in [[facts, forged], [forged, facts]] {
      let evidence = try host.evidence(regions)
      #expect(evidence.shape == nil)
      for region in regions { #expect(throws: EvidenceFault.self) { try evidence.evidence(for: region.address).get() } }
    }
  }

  /// A thread's stack, an FPU area, MSRs in `struct kvm`: a quadword of the guest's in kernel memory, and around it a
  /// false VM with more vCPUs than all true ones together.
  @Test func `a VM in kernel memory that stands in no list has no vote, however many vCPUs it has`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    let kvm = host.addVM(1, listed: false)
    let forged = (0..<4).map { index in
      host.addVCPU(
        at: 0xb0_0380 + UInt64(index) << 16, kvm: kvm, region: 0x480_0000 + UInt64(index) << 12, id: UInt32(index))
    }
    host.setTable(of: kvm, node: 0xa1_0000, vcpus: (0..<4).map { 0xb0_0380 + UInt64($0) << 16 })
    for regions in [forged + [facts], [facts] + forged] {
      let evidence = try host.evidence(regions)
      #expect(throws: Never.self) { try evidence.evidence(for: facts.address).get() }
      #expect(evidence.kvms.count == 1)
      for region in forged { #expect(throws: EvidenceFault.self) { try evidence.evidence(for: region.address).get() } }
    }
    #expect(try host.evidence(forged).kvms.isEmpty)
  }

  @Test func `VMs in two lists, each with a head in the kernel, are all refused`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    let kvm = host.addVM(1, listed: false)
    let rival = host.addVCPU(at: 0x82_0380, kvm: kvm, region: 0x402_0000)
    host.setTable(of: kvm, node: 0x91_0000, vcpus: [0x82_0380])
    let heads = (KVMTestHost.listHead, KVMTestHost.listHead + 0x100)
    for (from, to) in [(kvm + KVMTestHost.listOffset, heads.1), (heads.1, kvm + KVMTestHost.listOffset)] {
      host.poke(to, at: from)
      host.poke(from, at: to + 8)
    }
    let fault = KVMFault.twoLists(VirtualAddress(rawValue: heads.0), VirtualAddress(rawValue: heads.1))
    #expect(try verdict(host, facts, others: [rival]) == .failure(.kvm(fault)))
  }

  @Test func `a vCPU that has its region elsewhere than most is not believed`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    let second = host.addVCPU(at: 0x81_0700, kvm: kvm, region: 0x401_0000, id: 1)
    let odd = host.addVCPU(at: 0x82_0380, kvm: kvm, region: 0x402_0000, id: 2, startToPointer: 6784)
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380, 0x81_0700, 0x82_0380])
    let pointer = HPA(rawValue: 0x82_0380 + 6784)
    let expected = Verdict.failure(.notVMCS01(pointer: pointer, expected: pointer &+ 8))
    for others in [[facts, second], [second, facts]] {
      #expect(try verdict(host, odd, others: others) == expected)
      #expect(try host.evidence([odd] + others).evidence(for: odd.address) == expected)
    }
  }

  @Test func `a VM is known by its other vCPUs when the dump has lost one's page`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380, 0xd0_0380])
    let evidence = try host.evidence([facts])
    #expect(throws: Never.self) { try evidence.evidence(for: facts.address).get() }
    #expect(evidence.kvms.first?.vcpus.map(\.index) == [0, 1])
    #expect(evidence.region(of: VirtualAddress(rawValue: host.directMap + 0xd0_0380)) == nil)
  }

  @Test func `what is left of a released vCPU is dead`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    let gone = host.addVCPU(at: 0x82_0380, kvm: kvm, region: 0x402_0000)
    let pointer = 0x82_0380 + KVMTestHost.startToPointer
    host.memory.store(0, at: pointer)
    host.memory.store32(.max, at: pointer + 16)
    #expect(try verdict(host, gone, others: [facts]) == .failure(.dead(.released)))
    host.memory.store32(1, at: pointer + 16)
    host.memory.store(host.vmalloc + 0x70_0000, at: 0x82_0380)
    let unmapped = VirtualAddress(rawValue: host.vmalloc + 0x70_0000)
    #expect(try verdict(host, gone, others: [facts]) == .failure(.dead(.kvmUnmapped(unmapped))))
  }

  @Test func `a thread whose stack and user half are gone is dead`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    var gone = host.facts(of: 0x402_0000, msrLoad: 0)
    gone.hostRSP = host.vmalloc + 0x7777_0d00
    #expect(try verdict(host, gone, others: [facts]) == .failure(.dead(.threadGone)))
  }

  @Test func `a vCPU that never entered its guest has evidence by the pointers`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    facts.hostRSP = 0
    facts.hostGSBase = 0
    facts.hostFSBase = 0
    #expect(throws: Never.self) { try verdict(host, facts).get() }
    host.memory.store(0, at: 0x80_0380 + KVMTestHost.startToPointer)
    #expect(try verdict(host, facts) == .failure(.noLoadedVMCS(facts.address)))
  }

  private struct Search: PointerSearch {
    let hits: [UInt64: [HPA]]
    func pointers(to values: [UInt64]) -> [UInt64: [HPA]] { hits.filter { values.contains($0.key) } }
  }

  @Test func `a search of all memory helps where no field leads into the vCPU, and proves nothing by itself`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    facts.entryMSRLoad = nil
    #expect(try verdict(host, facts) == .failure(.noLoadedVMCS(facts.address)))
    let value = host.directMap + facts.address.rawValue
    let pointer = HPA(rawValue: 0x80_0380 + KVMTestHost.startToPointer)
    host.memory.store(value, at: 0x70_0020)
    let search = Search(hits: [value: [HPA(rawValue: 0x70_0020), pointer, HPA(rawValue: .max)]])
    #expect(try host.evidence([facts], search: search).evidence(for: facts.address).get().loadedVMCS == pointer)
  }

  @Test func `a region that was not judged has no evidence`() throws {
    let (host, _, _) = KVMTestHost.sound()
    let other = HPA(rawValue: 0x123_4000)
    #expect(try host.evidence([]).evidence(for: other) == .failure(.notJudged(other)))
  }
}
