/// The strong rules by which a region's content is told from chance. Numbers are those of Documentation/vmcs.md §4;
/// `controls` is §3's "must be 1". Raw values are what `list -v` prints.
enum RegionRule: String, Sendable, CaseIterable {
  /// The layout lacks GUEST_CR3, GUEST_RIP, HOST_CR3 or VM_ENTRY_CONTROLS, without which a region cannot be told.
  case layout
  /// The header's id is none of the layout's.
  case revision
  /// Rule 1: VMCS_LINK_POINTER is ~0, or names a shadow VMCS while PROC2 bit 14 is set.
  case linkPointer = "link pointer"
  /// Control bits that every processor wants set, or clear.
  case controls
  /// Rule 2: memory type, walk length, reserved bits. EPTP 0 is for vCPUs that never ran.
  case eptPointer = "EPT pointer"
  /// PROC2 bit 1 is clear, or the processor has no EPT: shadow paging. Judged after everything else.
  case eptDisabled = "EPT disabled"
  /// Rule 2: the root page is there and is no EPT table. Judged last: all other rules hold.
  case eptRoot = "EPT root"
  /// Rule 3.
  case rflags = "RFLAGS"
  /// Rule 4.
  case cr0 = "CR0"
  case cr4 = "CR4"
  /// Rule 5: IA-32e mode needs paging and PAE; outside it RIP has 32 bits.
  case longMode = "long mode"
  /// Rule 6.
  case canonical
  case descriptorTable = "descriptor table"
  case segmentBase = "segment base"
  /// Rule 7.
  case taskRegister = "TR"
  /// Rule 8.
  case codeSegment = "CS"
  case stackSegment = "SS"
  /// Rule 9.
  case limit = "segment limit"
  /// Rule 10.
  case activity = "activity state"
  case interruptibility
  case virtual8086 = "virtual-8086 mode"
  /// Rule 11.
  case dr7 = "DR7"
  case pat = "PAT"
}

/// The first rule that a page broke, with the value at fault.
struct RegionFault: Error, Sendable, Equatable {
  var rule: RegionRule
  /// The field that holds the value, `nil` for the header.
  var field: VMCSField?
  var value: UInt64

  init(_ rule: RegionRule, _ field: VMCSField?, _ value: UInt64) {
    self.rule = rule
    self.field = field
    self.value = value
  }
}

extension RegionFault: CustomStringConvertible {
  var description: String {
    switch rule {
    case .layout: "rule \(rule.rawValue): it has no place for \(field?.name ?? "a field")"
    default: "rule \(rule.rawValue): \(field?.name ?? "header") is \(hex(value))"
    }
  }
}
