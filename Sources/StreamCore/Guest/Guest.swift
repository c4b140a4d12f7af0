/// A guest of the host: its vCPUs, its memory, and who it says it is.
struct Guest: Sendable {
  /// 1, 2, … in the order of the guests' lowest regions.
  let id: Int
  /// Letters, digits, ".", "_" and "-", and no other guest's.
  let name: String
  let mapped: MappedGuest
  /// `nil`: no kernel's VMCOREINFO agrees with its vCPUs.
  let identity: GuestIdentity?
  /// Look-alikes of its VMCOREINFO that fewer vCPUs agree with.
  let otherIdentities: Int
  /// How it was at the crash.
  private(set) var state = GuestState()

  /// Which VM it is, where the host's kernel tells.
  var vm: VMIdentity? { mapped.group.vm }
  var vcpus: [VCPU] { mapped.group.vcpus }
  var roots: [any SecondLevelRoot] { mapped.group.roots }
  var evidence: Manifest.Evidence { mapped.group.evidence }
  /// Its memory slots, where the host's kernel tells.
  var slots: [MemorySlot]? { mapped.group.memory?.slots }
  var map: GuestMap { mapped.map }
  /// By a key of the processor: what the host holds of its memory is no clear text.
  var isEncrypted: Bool { vcpus.contains(where: \.isEncrypted) }
  /// Its memory through its second-level map.
  var memory: GuestMemory { mapped.mapper.memory }

  /// Numbers the guests and asks each who it is, side by side.
  /// - Parameters:
  ///   - isScanned: the host's pages were looked at, so that the maps know what begins as VMCOREINFO does.
  ///   - clock: the host's, where its kernel tells.
  static func identify(
    _ guests: [MappedGuest], isScanned: Bool, by clock: Result<HostClock, SchedClockFault>? = nil, _ workers: Workers
  ) throws -> [Guest] {
    let names = GuestNames.choose(guests.map { $0.group.vm?.name?.text })
    return try workers.map(Array(guests.enumerated())) { index, guest in
      let search = VMCoreInfoSearch(memory: guest.mapper.memory, vcpus: guest.group.vcpus.map(\.registers))
      let (identity, others) = search.run(isScanned ? guest.map.places : search.placesByPointers())
      var asked = Guest(
        id: index + 1, name: names[index], mapped: guest, identity: identity, otherIdentities: others)
      asked.state = GuestState(of: asked, by: clock)
      return asked
    }
  }
}
