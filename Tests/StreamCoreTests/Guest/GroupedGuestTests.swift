import Testing

@testable import StreamCore

@Suite struct GroupedGuestTests {
  private func vcpu(_ tableIndex: Int, region: UInt64, eptp: UInt64) throws -> VCPU {
    VCPU(region: HPA(rawValue: region), tableIndex: tableIndex, root: try EPTPointer(eptp))
  }

  /// The manifest's list of roots must not depend on where the host put the regions.
  @Test func rootsAreOrderedByUseThenByTheVMsOwnTable() throws {
    let vm = ProvenVM(
      kvm: VirtualAddress(rawValue: 0xffff_8880_0010_0000),
      vcpus: [
        try vcpu(0, region: 0x9000, eptp: 0x1_001e), try vcpu(1, region: 0x8000, eptp: 0x2_001e),
        try vcpu(2, region: 0x7000, eptp: 0x3_001e), try vcpu(3, region: 0x6000, eptp: 0x3_001e),
      ], evidence: .none, evidenceFrames: [])
    let group = try #require(GroupedGuest.group([vm]).first)
    #expect(group.vcpus.map(\.tableIndex) == [3, 2, 1, 0])
    #expect(group.roots.map(\.rawValue) == [0x3_001e, 0x1_001e, 0x2_001e])
  }

  @Test func guestsAreNumberedByTheirLowestRegion() throws {
    let vms = try [0x9000, 0x5000, 0x7000].map { region in
      ProvenVM(
        kvm: VirtualAddress(rawValue: 0xffff_8880_0010_0000 + region),
        vcpus: [try vcpu(0, region: region, eptp: 0x1_001e)], evidence: .none, evidenceFrames: [])
    }
    #expect(try GroupedGuest.group(vms).map(\.lowestRegion.rawValue) == [0x5000, 0x7000, 0x9000])
  }

  @Test func moreGuestsThanExtentsTellApartAreRefusedByTheirNumber() throws {
    let vm = ProvenVM(
      kvm: VirtualAddress(rawValue: 0xffff_8880_0010_0000), vcpus: [], evidence: .none, evidenceFrames: [])
    let count = Extent.maximumOwners + 1
    let error = #expect(throws: TooManyGuests(count: count)) {
      try GroupedGuest.group(Array(repeating: vm, count: count))
    }
    let failure = try #require(error.flatMap { Failure($0) })
    #expect(failure.exitStatus(signal: 0).code == 65)
  }
}
