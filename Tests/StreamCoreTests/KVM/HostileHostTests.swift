import Testing

@testable import StreamCore

/// What a guest or a damaged dump can put in the way: nothing traps, and no forged region is believed.
@Suite struct HostileHostTests {
  /// SplitMix64, so that a failure can be run again.
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      let mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
      return (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    }
  }

  private static let extremes: [UInt64] = [
    0, 1, 7, 0xfff, .max, .max - 7, 1 << 52, 1 << 63, 0xffff_8880_0000_0000, 0xffff_ffff_8000_0000,
    0xffff_ffff_ffff_f000, 0xffff_c900_0010_0002,
  ]
  private static let fields: [WritableKeyPath<RegionFacts, UInt64?> & Sendable] = [
    \.hostCR3, \.hostCR4, \.hostRSP, \.hostFSBase, \.hostGSBase, \.entryMSRLoad, \.msrBitmap, \.virtualAPIC, \.cr0Mask,
    \.cr4Mask, \.guestRSP, \.entryControls, \.exitControls, \.pinControls, \.processorControls,
    \.secondaryControls, \.exitReason,
  ]

  @Test(arguments: 0..<8 as Range<UInt64>)
  func `hostile fields and damaged structures never trap, and prove no other VM`(seed: UInt64) throws {
    var random = Random(state: seed)
    let sound = KVMTestHost.sound()
    let places: [ClosedRange<UInt64>] = [
      0x80_0380...0x80_0380 + 8192, 0x90_0000...0x90_0220, 0x300_0000...0x300_2ff8, 0x80_8380...0x80_8580,
      KVMTestHost.root...KVMTestHost.root + 4088, KVMTestHost.tables...KVMTestHost.tables + 0x5000,
    ]
    for _ in 0..<60 {
      var (host, facts, _) = sound
      host.finishProcess()
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = UInt64.random(in: places.randomElement(using: &random) ?? 0...0, using: &random) & ~7
        let value = Self.extremes.randomElement(using: &random) ?? 0
        host.memory.store(Bool.random(using: &random) ? value : value &+ random.next() % 0x100_0000, at: place)
      }
      if Bool.random(using: &random), let field = Self.fields.randomElement(using: &random) {
        facts[keyPath: field] = Self.extremes.randomElement(using: &random) ?? 0
      }
      for kernel in [try? host.kernel(), try? LinuxKernel(regions: [facts], memory: host.memory)] {
        guard let kernel else { continue }
        let evidence = try HostEvidence(kernel: kernel, regions: [facts])
        _ = KVMVCPUStates(evidence: evidence, regions: [facts]).state(of: facts.address)
        if case .success(let proof) = evidence.evidence(for: facts.address) { #expect(proof.kvm.rawValue == sound.kvm) }
      }
    }
  }

  @Test func `a guest full of forged regions, before and after the true one, changes nothing`() throws {
    var (host, facts, kvm) = KVMTestHost.sound()
    var forged: [RegionFacts] = []
    for index in UInt64(0)..<64 {
      // Complete but for what only the kernel writes: half name the true VM, half a fake of their own.
      let start = 0x1000_0380 + index << 16
      let fake = host.directMap + 0x1800_0000 + index << 16
      let isFake = index % 2 == 0
      forged.append(host.addVCPU(at: start, kvm: isFake ? fake : kvm, region: 0x1c00_0000 + index << 16))
      if isFake {
        host.memory.clear(fake - host.directMap, count: KVMTestHost.kvmSize)
        host.setTable(of: fake, node: 0x2800_0000 + index << 16, vcpus: [start])
      }
    }
    let before = try host.evidence(Array(forged) + [facts])
    let after = try host.evidence([facts] + forged)
    for evidence in [before, after] {
      #expect(try evidence.evidence(for: facts.address).get().kvm.rawValue == kvm)
      #expect(evidence.kvms.count == 1)
      for (index, region) in forged.enumerated() {
        let fake = VirtualAddress(rawValue: host.directMap + 0x1800_0000 + UInt64(index) << 16)
        let start = HPA(rawValue: 0x1000_0380 + UInt64(index) << 16)
        let expected: EvidenceFault =
          index % 2 == 0
          ? .kvm(.notListed(fake)) : .notInTable(vcpu: start, kvm: VirtualAddress(rawValue: kvm))
        #expect(evidence.evidence(for: region.address) == .failure(expected))
      }
    }
  }
}
