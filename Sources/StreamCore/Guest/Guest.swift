/// A virtual processor of a guest.
public struct VCPU: Sendable {
  /// The region, `nil` when only the host kernel names this vCPU: it keeps its place.
  public var region: VMCSRegion?
  /// What the host kernel holds of it.
  public var kernel: VCPUState?
  /// Index in the VM's own table of vCPUs.
  public var tableIndex: Int
  public var state: RegisterState
}

/// The vCPUs that share memory, and that memory's map.
public struct Guest: Sendable {
  /// 1, 2, … in the order of the guests' lowest VMCS address.
  public var id: Int
  /// In the order of their APIC ids.
  public var vcpus: [VCPU]
  /// Distinct EPT roots, the one that most vCPUs use first.
  public var roots: [EPTPointer]
  public var map = GuestMap()
  public var identity: GuestIdentity?
  /// Makes the map; `nil` until it is made.
  var mapper: GuestMapper?
  /// Index among the guests that were mapped, by which extents name their owner.
  var mapIndex = 0
  /// What the claim rests on that this is a guest of the host, one line each.
  public var evidence: [String]
  /// Host frames, ascending, which that evidence stands in: none of them may be a guest's memory.
  var evidenceFrames: [UInt64]

  /// Its memory through its EPT.
  var memory: GuestMemory? { mapper?.memory }

  public var name: String { "guest-\(id)" }
  var lowestVMCS: UInt64 { vcpus.compactMap { $0.region?.address.rawValue }.min() ?? .max }
}
