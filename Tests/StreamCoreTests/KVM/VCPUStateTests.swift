import Testing

@testable import StreamCore

@Suite struct VCPUStateTests {
  private func state(_ host: KVMTestHost, _ facts: RegionFacts) throws -> KVMVCPUState {
    try #require(KVMVCPUStates(evidence: host.evidence([facts]), regions: [facts]).state(of: facts.address))
  }

  private func base() -> RegisterState {
    var state = RegisterState()
    for register in [Register.rip, .rsp, .cr3, .rflags, .efer] { state.registers[register] = Sourced(0xbad, .vmcs) }
    return state
  }

  @Test func `a known object gives registers, APIC id, state and host CPU`() throws {
    let (host, facts, _) = KVMTestHost.sound()
    let state = try state(host, facts)
    #expect(state.mpState == .HALTED)
    #expect(state.hostCPU == 1 && state.vcpuID == 0 && state.apicID == 0 && state.cr8 == 3)
    #expect(state.kernelGSBase == 0)
    let merged = base().merged(with: state, isCR3Guests: true)
    #expect(merged.registers[.rax] == Sourced(0x1000, .kvm))
    #expect(merged.registers[.r15] == Sourced(0x100f, .kvm))
    #expect(merged.registers[.rip] == Sourced(0x1010, .kvm))
    #expect(merged.registers[.rflags] == Sourced(0xbad, .vmcs))
    #expect(merged.registers[.cr2] == Sourced(0xc2c2, .kvm))
    #expect(merged.registers[.cr3] == Sourced(0xbad, .vmcs))
    #expect(merged.registers[.efer] == Sourced(0xd01, .kvm))
    #expect(merged.registers[.cr8] == Sourced(3, .derived))
  }

  @Test func `RSP and RIP come from the VMCS while KVM has not read them`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    host.memory.store32(0xff00_ffef, at: 0x80_0380 + 296 + 136)
    host.memory.store32(0, at: 0x80_0380 + 296 + 140)
    let merged = base().merged(with: try state(host, facts), isCR3Guests: true)
    #expect(merged.registers[.rip] == Sourced(0xbad, .vmcs))
    #expect(merged.registers[.rsp] == Sourced(0xbad, .vmcs))
    #expect(merged.registers[.rbp] == Sourced(0x1005, .kvm))
  }

  @Test func `CR3 comes from KVM where it is newer, and where the VMCS has not the guest's`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    host.memory.store32(0x9_0000, at: 0x80_0380 + 296 + 140)
    #expect(base().merged(with: try state(host, facts), isCR3Guests: true).registers[.cr3] == Sourced(0xc3000, .kvm))
    host.memory.store32(0, at: 0x80_0380 + 296 + 140)
    #expect(base().merged(with: try state(host, facts), isCR3Guests: false).registers[.cr3] == Sourced(0xc3000, .kvm))
    // Not known whose the VMCS has: KVM's copy may be older than what the guest loaded since.
    #expect(base().merged(with: try state(host, facts), isCR3Guests: nil).registers[.cr3] == Sourced(0xbad, .vmcs))
  }

  @Test(arguments: [(136, 0xfe7d_0000), (140, 0x2_0000), (144 + 4, 1), (4 * 8, 0x1234)] as [(UInt64, UInt32)])
  func `words that cannot be a vCPU's registers leave them unknown`(offset: UInt64, value: UInt32) throws {
    var (host, facts, _) = KVMTestHost.sound()
    host.memory.store32(value, at: 0x80_0380 + 296 + offset)
    #expect(try state(host, facts).registers == nil)
  }

  @Test func `what no rule confirms stays unknown`() throws {
    var host = KVMTestHost()
    let kvm = host.addVM(0)
    var facts = host.addVCPU(at: 0x80_0380, kvm: kvm, region: 0x400_0000, startToPointer: 7032)
    host.setTable(of: kvm, node: 0x90_0000, vcpus: [0x80_0380])
    facts.exitReason = 48
    let state = try state(host, facts)
    // Another kernel's object, and no vCPU that halted by HLT.
    #expect(state.kernelGSBase == nil)
    #expect(state.mpState == nil)
    #expect(state.registers?.values[0] == 0x1000)
  }

  @Test func `while the nested guest runs its registers are not its host's`() throws {
    var (host, facts, _) = KVMTestHost.sound()
    let pointer = 0x80_0380 + KVMTestHost.startToPointer
    let inner = host.facts(of: 0x480_0000, msrLoad: facts.entryMSRLoad ?? 0)
    host.loadedVMCS(at: pointer + 1304, facts: inner, isActive: false)
    host.memory.store(host.directMap + pointer + 1304, at: pointer + 160)
    let states = KVMVCPUStates(evidence: try host.evidence([facts, inner]), regions: [facts, inner])
    #expect(states.state(of: facts.address)?.registers == nil)
    #expect(states.state(of: inner.address)?.registers?.values[0] == 0x1000)
    #expect(states.state(of: facts.address)?.mpState == .HALTED)
    #expect(states.state(of: inner.address)?.cr8 == nil)
  }
}
