/// What a field of the VMCS has to hold in one region, by a copy that the host's kernel keeps of it.
struct KnownValue: Sendable, Equatable {
  /// One of these; access rights in the form of the SDM.
  let values: [UInt64]
  /// The bits that are known.
  var mask = UInt64.max
  /// The region's may be lower by up to so much.
  var slack: UInt64 = 0
  /// Where the copy stands, in words.
  let source: String

  /// The value of the field, where the copy is all of it.
  var exact: UInt64? { values.count == 1 && mask == .max && slack == 0 ? values[0] : nil }

  func fits(_ stored: UInt64) -> Bool {
    values.contains { slack == 0 ? ($0 ^ stored) & mask == 0 : $0 &- stored <= slack }
  }
}

/// A region that the host's kernel names, and what it knows of its fields.
struct RegionClues: Sendable {
  let address: HPA
  let page: Page
  /// The `struct kvm` of its VM.
  let vm: VirtualAddress
  var known: [VMCSField: KnownValue] = [:]
  /// Its guest's memory, where the vCPU pages in long mode.
  var guest: GuestSight?
}

/// What inference made of one field.
enum FieldOutcome: Sendable, Equatable {
  /// It lies there, whatever the region.
  case sure(Layout.Place)
  /// It can lie at several places, which hold the same in some regions at least; offsets in ascending order.
  case agreed([Int])
  /// It can lie at these places; without any, nothing is known of it.
  case open([Int])
  /// No place holds what it has to hold.
  case notThere
}

/// One field of an inferred layout.
struct InferredField: Sendable, Equatable {
  let field: VMCSField
  var outcome: FieldOutcome
  /// Regions whose value is known, and how many VMs they are of.
  var voters = 0
  var vms = 0
  /// In words.
  var evidence = ""
}

extension VMCSField {
  /// The guest or the VMM may have chosen its value, which then proves nothing by itself: guest state, what an exit
  /// reports, the shadows of CR0 and CR4, the TSC's offset. Source: SDM vol. 3, 26.4 to 26.9.
  var isGuestsChoice: Bool {
    switch self {
    case .CR0_READ_SHADOW, .CR4_READ_SHADOW, .TSC_OFFSET: true
    default: rawValue >> 10 & 3 == 1 || rawValue >> 10 & 3 == 2
    }
  }

  static let accessRights = Set(SegmentRegister.allCases.map(\.fields.accessRights))
}
