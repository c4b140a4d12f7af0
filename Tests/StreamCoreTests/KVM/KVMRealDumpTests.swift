import Testing

@testable import StreamCore

@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct KVMRealDumpTests {
  @Test(
    arguments: [
      ("haswell", 0xffff_8b0f_4000_0000), ("mini", 0xffff_9736_c000_0000), ("nested", 0xffff_8b86_0000_0000),
    ] as [(String, UInt64)])
  func `the direct map of a real host is where its ELF dump says`(name: String, base: UInt64) throws {
    let host = try KVMRealHost(name)
    #expect(try host.kernel().directMapBase.rawValue == base)
    let unanchored = try LinuxKernel(regions: host.facts, memory: host.memory)
    #expect(unanchored.directMapBase.rawValue == base)
  }

  @Test(arguments: [("haswell", 3, 184), ("mini", 3, 192), ("nested", 2, 184)] as [(String, Int, UInt64)])
  func `every live region has evidence, vmcs02 as nested`(name: String, guests: Int, toMSRLoad: UInt64) throws {
    let host = try KVMRealHost(name)
    for kernel in [try host.kernel(), try LinuxKernel(regions: host.facts, memory: host.memory)] {
      let evidence = try HostEvidence(kernel: kernel, regions: host.facts)
      #expect(evidence.shape?.pointerToMSRLoad == toMSRLoad)
      #expect(evidence.shape?.pointerToLoaded == 160)
      #expect(evidence.kvms.count == guests)
      var kvms: [String: Set<VirtualAddress>] = [:]
      for (guest, address) in KVMRealHost.addresses[name] ?? [] {
        let proof = try evidence.evidence(for: HPA(rawValue: address)).get()
        kvms[guest, default: []].insert(proof.kvm)
        let isInner = address == 0x38b0_1000
        #expect(proof.role == (isInner ? .nested(of: proof.vcpu) : .vmcs01))
        if !isInner { #expect(evidence.region(of: proof.vcpu)?.rawValue == address) }
        // The dump was taken while guest1 of nested ran its own guest.
        #expect(proof.isActive == (address != 0x38a3_4000))
      }
      #expect(kvms.count == guests && kvms.values.allSatisfy { $0.count == 1 })
      #expect(
        evidence.kvms.flatMap(\.vcpus).count == (KVMRealHost.addresses[name] ?? []).count - (name == "nested" ? 1 : 0))
    }
  }

  @Test(
    arguments: [
      ("haswell", "guest1", 0, 0x1cb3_a000), ("haswell", "guest2", 0, 0x2a6_f000),
      ("haswell", "guest2", 1, 0x1bdb_d000),
      ("mini", "guest1", 0, 0x113_d000), ("mini", "guest2", 0, 0x10d_0000), ("mini", "guest2", 1, 0x10d_b000),
      ("nested", "guest2", 0, 0x3fe9_c000), ("nested", "guest1", 0, 0x38b0_1000),
    ] as [(String, String, Int, UInt64)])
  func `a stopped vCPU's registers are the truth`(name: String, guest: String, cpu: Int, address: UInt64) throws {
    let host = try KVMRealHost(name)
    let region = try #require(host.regions.first { $0.address.rawValue == address })
    let states = KVMVCPUStates(
      evidence: try HostEvidence(kernel: try host.kernel(), regions: host.facts), regions: host.facts)
    let state = try #require(states.state(of: region.address))
    var vmcs = RegisterState()
    let fields: [(Register, VMCSField)] = [(.rip, .GUEST_RIP), (.rsp, .GUEST_RSP), (.cr3, .GUEST_CR3)]
    for (register, field) in fields { vmcs.registers[register] = region[field].map { Sourced($0, .vmcs) } }
    let merged = vmcs.merged(with: state, isCR3Guests: region.holdsGuestCR3)
    let truth = try host.truth(guest: guest, cpu: cpu)
    for register in Register.general + [.rip, .cr2, .cr3, .efer] {
      #expect(merged[register] == truth[register.rawValue], "\(register)")
    }
    #expect(merged.registers[.rax]?.source == .kvm)
  }

  @Test func `states of a real host: halted and running vCPUs, APIC ids, task priority, KERNEL_GS_BASE`() throws {
    let host = try KVMRealHost("haswell")
    let states = KVMVCPUStates(
      evidence: try HostEvidence(kernel: try host.kernel(), regions: host.facts), regions: host.facts)
    let found = host.regions.compactMap { states.state(of: $0.address) }
    #expect(found.map(\.mpState) == [.HALTED, .HALTED, .HALTED, .RUNNABLE])
    #expect(found.map(\.apicID) == [0, 0, 1, 0])
    #expect(found.map(\.vcpuID) == [0, 0, 1, 0])
    #expect(found.map(\.hostCPU) == [0, 1, 1, 1])
    #expect(found.map(\.cr8) == [1, 1, 1, 1])
    #expect(found.map(\.kernelGSBase) == [0, 0, 0, 0xffff_96e8_c3a0_0000])
  }

  @Test(arguments: ["haswell", "mini", "nested"])
  func `a dump without user memory gives the same evidence and registers`(name: String) throws {
    let whole = try KVMRealHost(name)
    let filtered = try KVMRealHost(name, file: "host-d31.lzo.kdump")
    let evidence = [
      try HostEvidence(kernel: try whole.kernel(), regions: whole.facts),
      try HostEvidence(kernel: try filtered.kernel(), regions: filtered.facts),
    ]
    let states = evidence.map { KVMVCPUStates(evidence: $0, regions: whole.facts) }
    for region in whole.facts.map(\.address) {
      #expect(try evidence[0].evidence(for: region).get() == evidence[1].evidence(for: region).get())
      let state = try #require(states[0].state(of: region))
      #expect(state == states[1].state(of: region))
    }
  }

  @Test func `a host page that merely begins like a region has no evidence`() throws {
    let host = try KVMRealHost("haswell")
    let region = host.regions[0]
    // The same content at another frame: a guest's copy of a region, known to the last byte.
    let copy = VMCSRegion(address: HPA(rawValue: 0x1cb3_b000), page: region.page, layout: region.layout)
    let evidence = try HostEvidence(kernel: try host.kernel(), regions: host.facts + [RegionFacts(copy)])
    #expect(evidence.evidence(for: copy.address) == .failure(.noLoadedVMCS(copy.address)))
    #expect(throws: Never.self) { try evidence.evidence(for: region.address).get() }
  }

  /// Its filter left out pages of kvm_intel's types, of the list and of a VMCS: all three VMs are there, what hangs on a
  /// lost page is unknown or named, and nothing is called a forgery.
  @Test func `a dump that lost kernel pages has all VMs, and names what it lost`() throws {
    let path = (KVMRealHost.folder ?? "") + "/new7/host-d31.lzo.kdump"
    let whole = (KVMRealHost.folder ?? "") + "/new7/host.lzo.kdump"
    let options = Inspection.Options(.list, workers: Workers(count: 2))
    let manifest = try Inspection.run(path: path, options).manifest()
    let truth = try Inspection.run(path: whole, options).manifest()
    #expect(manifest.exitStatus == .incomplete && manifest.guests.count == truth.guests.count)
    let codes = Set(manifest.warnings.map(\.code))
    #expect(codes.isSuperset(of: [.lost_kernel_pages, .by_content, .vm_list, .no_vmcs, .unknown_registers]))
    #expect(!codes.contains(.forged))
    for guest in manifest.guests {
      let first = guest.vcpus.compactMap { $0.vmcs?.value }.first
      let twin = try #require(truth.guests.first { $0.vcpus.contains { $0.vmcs?.value == first } })
      #expect(guest.vcpus.count == twin.vcpus.count)
      for (vcpu, same) in zip(guest.vcpus, twin.vcpus) where vcpu.vmcs != nil {
        #expect(vcpu.vmcs == same.vmcs && vcpu.unknown.contains("kernel_gs_base"))
        for (name, entry) in vcpu.registers where same.registers[name]?.source == entry.source {
          #expect(entry.value == same.registers[name]?.value, "\(name)")
        }
      }
    }
  }

  /// Of the modules whose types are lost the one that is asked first is named, whatever order they are kept in.
  @Test func `the types that are lost are named the same in every run`() throws {
    let dump = try openHostDump(path: (KVMRealHost.folder ?? "") + "/new7/host-d31.lzo.kdump")
    let word = try HostWord(dump.vmcoreinfo, HostMemory(dump))
    #expect(word.why?.hasPrefix("types of kvm_intel: ") == true, "\(word.why ?? "-")")
    #expect(word.isBroken && word.regionFrames == nil)
  }
}
