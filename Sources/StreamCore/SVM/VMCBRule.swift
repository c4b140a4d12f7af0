/// The rules by which a VMCB of a KVM guest is told from any other page: it has no header. Source: Documentation/amd.md
/// §2; AMD APM vol. 2, 15.5.1.
enum VMCBRule: String, Sendable, CaseIterable {
  /// Bit 0 of the second word of intercepts: without it VMRUN fails.
  case vmrunIntercept = "VMRUN intercept"
  /// 0 is the host's, and of a vCPU that never ran.
  case asid = "ASID"
  /// Bits that no processor has.
  case nestedControl = "nested control"
  /// Bit 0 is clear: shadow paging.
  case nestedPaging = "nested paging"
  case nestedCR3 = "nested CR3"
  /// IOPM and MSRPM: pages.
  case permissionMaps = "permission maps"
  /// SVME, and no bit above those that there are.
  case efer = "EFER"
  case cr0 = "CR0"
  case rflags = "RFLAGS"
  /// Long mode with paging needs PAE.
  case longMode = "long mode"
}

/// The first rule that a page broke, with the value at fault.
struct VMCBFault: Error, Sendable, Equatable {
  let rule: VMCBRule
  let value: UInt64
}

extension VMCBFault: CustomStringConvertible {
  var description: String { "rule \(rule.rawValue): \(hex(value))" }
}

extension VMCB {
  /// Judges the page by its content. What a guest with encrypted state leaves in the save area counts for nothing.
  func check() throws(VMCBFault) {
    try require(.vmrunIntercept, .intercepts2) { _ in interceptsVMRUN }
    try require(.asid, .asid) { $0 < 1 << 16 && ($0 != 0 || hasNeverRun) }
    // Bits 5:0 are defined: NP, SEV, SEV-ES, GMET, SSS check, VTE.
    try require(.nestedControl, .nestedControl) { $0 >> 8 == 0 }
    for field in [Field.iopmBase, .msrpmBase] {
      try require(.permissionMaps, field) { $0 != 0 && $0 & 0xfff == 0 && $0 >> 52 == 0 }
    }
    if encryption != .stateToo {
      try require(.efer, .efer) { $0 & Self.svme != 0 && $0 >> 22 == 0 }
      try require(.cr0, .cr0) { $0 >> 32 == 0 && $0 >> 4 & 1 == 1 }
      try require(.rflags, .rflags) { $0 >> 22 == 0 && $0 & 0x802a == 2 }
      let isLong = self[.efer] >> 10 & 1 == 1
      try require(.longMode, .cr4) { !isLong || $0 >> 5 & 1 == 1 }
    }
    try require(.nestedPaging, .nestedControl) { $0 & 1 == 1 }
    try require(.nestedCR3, .nestedCR3) { hasNeverRun || $0 >> 12 != 0 && $0 >> 52 == 0 && $0 & 0xfe7 == 0 }
  }

  /// KVM gives a VMCB its ASID and its nested CR3 before the first run.
  var hasNeverRun: Bool { self[.asid] == 0 && self[.nestedCR3] == 0 && self[.exitCode] == 0 }

  var interceptsVMRUN: Bool { self[.intercepts2] & 1 == 1 }

  private func require(_ rule: VMCBRule, _ field: Field, _ holds: (UInt64) -> Bool) throws(VMCBFault) {
    guard holds(self[field]) else { throw VMCBFault(rule: rule, value: self[field]) }
  }
}
