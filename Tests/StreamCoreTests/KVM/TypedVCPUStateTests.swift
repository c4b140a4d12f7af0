import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// State of vCPUs that stands where only the kernel's types tell.
@Suite struct TypedVCPUStateTests {
  static let kernels = ["6.1 symbols types", "6.1 symbols types builtin", "6.12 symbols types", "7.3 symbols types"]
  private static let debug: [Register] = [.dr0, .dr1, .dr2, .dr3, .dr6, .dr7]
  private static let messages: [Register] = [.star, .lstar, .cstar, .fmask, .tsc_aux]

  @Test(arguments: kernels) func `registers are what the vCPU holds, whatever it does`(kernel: String) throws {
    let vcpus = try DescribedVCPUs(kernel)
    for activity in VCPUActivity.allCases {
      let state = try vcpus.state(activity)
      let truth = try vcpus.vcpu(activity).registers
      for register in TypedVCPUState.all {
        #expect(state.registers[register] == truth[register.rawValue], "\(activity) \(register)")
      }
      #expect(state.reasons.keys.sorted() == (activity == .running ? ["fpu"] : []))
    }
  }

  /// A thread that sleeps in KVM_RUN left its CPU, and the scheduler saved the FPU.
  @Test(arguments: kernels) func `the FPU is known of vCPUs that no CPU runs`(kernel: String) throws {
    let vcpus = try DescribedVCPUs(kernel)
    for activity in VCPUActivity.allCases where activity != .running {
      let fpu = try #require(vcpus.state(activity).fpu, "\(activity)")
      let region = try vcpus.vcpu(activity).vmcs
      #expect(fpu.fcw == 0x37f && fpu.mxcsr == 0x1f80)
      for index in 0..<16 as Range<UInt64> {
        let words = [SplitMix64.mix(region + index * 2), SplitMix64.mix(region + index * 2 + 1), 0, 0]
        #expect(fpu.vector(Int(index)) == words.flatMap { LittleEndian.bytes($0) }, "\(activity) YMM\(index)")
      }
    }
    #expect(try vcpus.state(.running).reasons["fpu"] == "\(FPUReading.Fault.onCPU)")
  }

  /// Before 5.16 KVM_RUN moves it into the thread's own state, or the CPU; both are the guest's only while it lasts.
  @Test(arguments: ["5.10 symbols types builtin", "5.10 symbols types", "5.14 symbols types"])
  func `an older kernel's FPU is known of vCPUs in no ioctl`(kernel: String) throws {
    let sound = try DescribedVCPUs(kernel)
    for activity in VCPUActivity.allCases {
      let state = try sound.state(activity)
      let isInRun = activity == .running || activity == .halted
      #expect((state.fpu == nil) == isInRun, "\(activity)")
      #expect(state.reasons["fpu"] == (isInRun ? "\(FPUReading.Fault.inUse)" : nil))
      guard let fpu = state.fpu else { continue }
      let region = try sound.vcpu(activity).vmcs
      for index in 0..<16 as Range<UInt64> {
        let words = [SplitMix64.mix(region + index * 2), SplitMix64.mix(region + index * 2 + 1), 0, 0]
        #expect(fpu.vector(Int(index)) == words.flatMap { LittleEndian.bytes($0) }, "\(activity) YMM\(index)")
      }
    }
    let types = try sound.types()
    func changed(_ change: (inout DescribedVCPUs) throws -> Void) throws -> TypedVCPUState {
      var vcpus = sound
      try change(&vcpus)
      return try vcpus.state(.stopped, types)
    }
    let form: UInt64 = 1 << 63
    // Compacted, with what the host has besides; in the standard form only what the guest can have, and PKRU.
    for (used, form, isKnown) in [
      (7, form | 0x307, true), (0x207, 0, true), (0x101, form | 0x101, true), (0x11, 0, false), (7, form | 3, false),
      (7, 7, false),
    ] as [(UInt64, UInt64, Bool)] {
      let state = try changed {
        try $0.storeFPU(used, of: .stopped, at: 64 + 512)
        try $0.storeFPU(form, of: .stopped, at: 64 + 520)
      }
      #expect((state.fpu != nil) == isKnown, "\(used) \(form)")
    }
    for pointer in [0, 4, 0x7fff_0000_1000, ~7, 0xffff_c900_0000_0000] as [UInt64] {
      let state = try changed { try $0.store(pointer, in: .stopped, at: $0.host.shape.fpstate) }
      #expect(state.fpu == nil && state.reasons["fpu"] != nil && state.registers[.xcr0] == 7, "\(pointer)")
    }
    // FXSAVE has no header; nor has a state that was never used.
    let bare = try changed {
      try $0.store(0, in: .stopped, at: $0.host.shape.xcr0 + 8)
      try $0.storeFPU(0, of: .stopped, at: 64 + 512)
    }
    #expect(bare.reasons["fpu"] == "\(FPUReading.Fault.noHeader)")
  }

  @Test func `what a kernel's types lack is unknown, and they say so`() throws {
    let oldest = try DescribedVCPUs("4.18 symbols types builtin").state(.stopped)
    #expect(oldest.fpu == nil && oldest.reasons["fpu"]?.contains("'guest_fpu'") == true)
    #expect(oldest.registers[.xcr0] == 7)
    let state = try DescribedVCPUs("5.10 symbols types builtin").state(.stopped)
    #expect(state.registers[.star] == nil && state.reasons["star"]?.contains("kvm_uret_msrs_list") == true)
    // The vendor's types are a module's, and modules keep none.
    let old = try DescribedVCPUs("5.10 symbols types").state(.stopped)
    #expect(old.registers[.dr6] == 0xffff_0ff0 && old.reasons["lstar"]?.contains("'vcpu_vmx'") == true)
  }

  @Test func `debug registers that the guest was using are in the CPU`() throws {
    var vcpus = try DescribedVCPUs("6.1 symbols types")
    try vcpus.store(2, in: .running, at: vcpus.host.shape.debugSwitch, width: 4)
    let state = try vcpus.state(.running)
    for register in Self.debug {
      #expect(state.registers[register] == nil && state.reasons[register.rawValue] != nil, "\(register)")
    }
    // The exit saved DR7 in the VMCS.
    var read = RegisterState()
    read.registers[.dr7] = Sourced(0x401, .vmcs)
    var own = KVMVCPUState()
    own.typed = state
    let merged = read.merged(with: own, isCR3Guests: true)
    #expect(merged.registers[.dr7] == Sourced(0x401, .vmcs))
    #expect(merged.reasons["dr7"] == nil && merged.reasons["dr6"] != nil)
  }

  /// A debugger of the host has its own breakpoints in the CPU and in the VMCS.
  @Test func `DR7 is the guest's own, not what a debugger of the host loads`() throws {
    var vcpus = try DescribedVCPUs("6.1 symbols types")
    try vcpus.store(0x402, in: .stopped, at: vcpus.host.shape.debugRegisters + 40)
    var read = RegisterState()
    read.registers[.dr7] = Sourced(0x455, .vmcs)
    var own = KVMVCPUState()
    own.typed = try vcpus.state(.stopped)
    #expect(read.merged(with: own, isCR3Guests: true).registers[.dr7] == Sourced(0x402, .kvm))
  }

  @Test func `DR6 and DR7 of more than 32 bits are none`() throws {
    var vcpus = try DescribedVCPUs("6.1 symbols types")
    for place in [32, 40] as [UInt64] {
      try vcpus.store(1 << 32, in: .halted, at: vcpus.host.shape.debugRegisters + place)
    }
    let state = try vcpus.state(.halted)
    #expect(state.registers[.dr6] == nil && state.registers[.dr7] == nil && state.registers[.dr3] != nil)
    #expect(state.reasons.keys.sorted() == ["dr6", "dr7"])
  }

  /// Where kvm's page of data has its list, physical.
  private func list(_ vcpus: DescribedVCPUs) throws -> UInt64 {
    let place = try #require(vcpus.host.structures("vm_list").first?.parts.first).lowerBound
    return place & ~0xfff + KVMModule.returnList
  }

  @Test func `the order of the MSRs is the kernel's own`() throws {
    var vcpus = try DescribedVCPUs("6.1 symbols types")
    let list = try list(vcpus)
    let stopped = try vcpus.vcpu(.stopped)
    let entries = stopped.vcpuAddress + vcpus.host.shape.returnMSRs
    // STAR and SYSCALL_MASK change places.
    vcpus.host.space.memory.store(0xc000_0081, at: list, width: 4)
    vcpus.host.space.memory.store(0xc000_0084, at: list + 5 * 4, width: 4)
    vcpus.host.space.memory.store(stopped.registers["star"], at: entries + 8)
    vcpus.host.space.memory.store(stopped.registers["fmask"], at: entries + 5 * 24 + 8)
    let state = try vcpus.state(.stopped)
    for register in Self.messages { #expect(state.registers[register] == stopped.registers[register.rawValue]) }
  }

  @Test func `a list of MSRs that is none leaves them unknown`() throws {
    let sound = try DescribedVCPUs("6.1 symbols types")
    let list = try list(sound)
    for (offset, value, known) in [
      // The processor has no RDTSCP: KVM does not keep TSC_AUX.
      (16, 0xc000_0104, [.star, .lstar, .cstar, .fmask]),
      (16, 0xc000_0081, []), (16, 0, []), (64, 17, []), (64, 0xffff_ffff, []), (64, 0, []),
    ] as [(UInt64, UInt64, [Register])] {
      var vcpus = sound
      vcpus.host.space.memory.store(value, at: list + offset, width: 4)
      let state = try vcpus.state(.halted)
      for register in Self.messages {
        #expect((state.registers[register] != nil) == known.contains(register), "\(register): \(value) at \(offset)")
        #expect((state.reasons[register.rawValue] == nil) == known.contains(register))
      }
      #expect(state.registers[.xcr0] == 7 && state.fpu != nil)
    }
  }

  @Test func `a thread that is not the vCPU's does not tell where the FPU is`() throws {
    let sound = try DescribedVCPUs("6.1 symbols types")
    let types = try sound.types()
    let pid = sound.host.memory.load(try sound.vcpu(.halted).vcpuAddress + sound.host.shape.vcpu.pid)
    let other = sound.host.memory.load(try sound.vcpu(.running).vcpuAddress + sound.host.shape.vcpu.pid)
    let first = pid - sound.host.kernel.directMap + 16
    for node in [0, 8, 0x7fff_0000_1000, 0xffff_ffff_ffff_fff8, 0xffff_c900_0000_0000, other + 16] as [UInt64] {
      var vcpus = sound
      vcpus.host.space.memory.store(node, at: first)
      let state = try vcpus.state(.halted, types)
      #expect(state.fpu == nil && state.reasons["fpu"] != nil, "\(node)")
    }
    for value in [0, 0x1000, ~0] as [UInt64] {
      var vcpus = sound
      try vcpus.store(value, in: .halted, at: vcpus.host.shape.vcpu.pid)
      #expect(try vcpus.state(.halted, types).fpu == nil)
      // Of a vCPU that is not in KVM_RUN the thread is not asked.
      try vcpus.store(value, in: .stopped, at: vcpus.host.shape.vcpu.pid)
      #expect(try vcpus.state(.stopped, types).fpu != nil)
    }
  }

  @Test func `an fpstate that is none leaves the FPU unknown`() throws {
    let sound = try DescribedVCPUs("6.1 symbols types")
    let types = try sound.types()
    let user: UInt64 = 0x7fff_0000_1000
    for pointer in [0, 4, user, 1 << 63, ~7, 0xffff_c900_0000_0000, sound.host.kernel.directMap + 1 << 40] as [UInt64] {
      var vcpus = sound
      try vcpus.store(pointer, in: .stopped, at: vcpus.host.shape.fpstate)
      let state = try vcpus.state(.stopped, types)
      #expect(state.fpu == nil && state.reasons["fpu"] != nil, "\(pointer)")
      #expect(state.registers[.lstar] != nil)
    }
    for (offset, value) in [(0, 0), (0, 511), (64 + 512, 0xff), (64 + 520, 1)] as [(UInt64, UInt64)] {
      var vcpus = sound
      try vcpus.storeFPU(value, of: .stopped, at: offset, width: offset == 0 ? 4 : 8)
      #expect(try vcpus.state(.stopped, types).fpu == nil, "\(value) at \(offset)")
    }
    // A process's own, and one of a guest whose state is encrypted.
    for flags in [1, 7] as [UInt64] {
      var vcpus = sound
      try vcpus.storeFPU(flags, of: .stopped, at: 32, width: 4)
      #expect(try vcpus.state(.stopped, types).fpu == nil)
    }
    // However long it says it is, no more than the known part is read.
    var long = sound
    try long.storeFPU(0xffff_ffff, of: .stopped, at: 0, width: 4)
    #expect(try long.state(.stopped, types).fpu == sound.state(.stopped, types).fpu)
  }

  @Test func `random words in a vCPU end as values or reasons`() throws {
    let sound = try DescribedVCPUs("7.3 symbols types")
    let types = try sound.types()
    var random = SplitMix64(seed: 19)
    let places = [
      sound.host.shape.fpstate, sound.host.shape.vcpu.pid, sound.host.shape.debugSwitch & ~7, sound.host.shape.xcr0,
    ]
    for _ in 0..<40 {
      var vcpus = sound
      for activity in VCPUActivity.allCases {
        let place = places[Int(random.below(UInt64(places.count)))]
        try vcpus.storeFPU(random.next(), of: activity, at: random.below(90) * 8)
        try vcpus.store(random.next() | random.below(2) << 63, in: activity, at: place)
      }
      let kernel = try vcpus.kernel()
      for activity in VCPUActivity.allCases {
        let state = try vcpus.state(activity, types, kernel)
        for register in TypedVCPUState.all {
          #expect((state.registers[register] == nil) == (state.reasons[register.rawValue] != nil))
        }
        #expect((state.fpu == nil) == (state.reasons["fpu"] != nil))
      }
    }
  }
}
