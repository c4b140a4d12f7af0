/// What a page is, judged by its content alone. Host evidence (Documentation/design.md §1) is another question, and so
/// is whether the vCPU is alive: the region of a dead one keeps its content.
enum RegionJudgement: Sendable, Equatable {
  /// A vCPU's region.
  case guest
  /// The revision id and nothing else: a VMXON region, or one that was never loaded.
  case headerOnly
  /// A shadow VMCS (bit 31 of the header): belongs to another region, is no vCPU.
  case shadow
  case rejected(RegionFault)
}

/// Judges pages by the rules of Documentation/vmcs.md §4. Rules whose fields the layout lacks are skipped.
struct RegionJudge: Sendable {
  /// The fields without which a region cannot be told.
  static let required: [VMCSField] = [.GUEST_CR3, .GUEST_RIP, .HOST_CR3, .VM_ENTRY_CONTROLS]

  let layout: Layout
  /// The host's memory, for the link pointer's target and the EPT root.
  let memory: (any PhysicalMemory)?
  /// The layout may lack fields, for something else tells which pages are regions.
  var isPartial = false

  /// Most candidates are chance hits: fixed values come first, then what needs several fields, memory last.
  func judge(_ page: Page, at address: HPA) -> RegionJudgement {
    let region = VMCSRegion(address: address, page: page, layout: layout)
    do throws(RegionFault) {
      if !layout.revisionIDs.isEmpty, !layout.revisionIDs.contains(region.revisionID) {
        throw RegionFault(.revision, nil, UInt64(page.u32(0)))
      }
      if region.isShadow { return .shadow }
      if Self.isHeaderOnly(page) { return .headerOnly }
      for field in Self.required where layout[field] == nil && !isPartial { throw RegionFault(.layout, field, 0) }
      try check(region)
      return .guest
    } catch {
      return .rejected(error)
    }
  }

  /// The revision id, and zeros behind it.
  static func isHeaderOnly(_ page: Page) -> Bool {
    page.u32(4) == 0 && page.bytes.withBytes { $0.extracting(8..<pageSize).isZero }
  }

  private func check(_ region: VMCSRegion) throws(RegionFault) {
    let controls = RegionControls(region)
    try checkLinkValue(region, controls)
    try RegionControls.check(region)
    if controls.hasEPT != false, layout[.EPT_POINTER] != nil { _ = try eptPointer(region) }
    try RegionRules(region, controls).check()
    try checkLinkTarget(region)
    if isPartial, layout[.EPT_POINTER] == nil, controls.hasEPT != false { return }
    // Last, so that this fault says: a region in all else, of a guest without a second-level map.
    guard controls.hasEPT != false, layout[.EPT_POINTER] != nil else {
      throw RegionFault(.eptDisabled, .EPT_POINTER, region[.EPT_POINTER] ?? 0)
    }
    if let pointer = try eptPointer(region) { try checkRoot(pointer) }
  }

  private func checkLinkValue(_ region: VMCSRegion, _ controls: RegionControls) throws(RegionFault) {
    guard let link = region[.VMCS_LINK_POINTER], link != .max else { return }
    guard link & 0xfff0_0000_0000_0fff == 0, link != 0, controls.hasShadowVMCS != false else {
      throw RegionFault(.linkPointer, .VMCS_LINK_POINTER, link)
    }
  }

  /// The page that the link pointer names begins with the revision id and bit 31. A page that the dump lacks is no
  /// contradiction.
  private func checkLinkTarget(_ region: VMCSRegion) throws(RegionFault) {
    guard let memory, let link = region[.VMCS_LINK_POINTER], link != .max else { return }
    guard let target = memory.page(link >> 12).page else { return }
    guard target.u32(0) == region.revisionID | 1 << 31 else {
      throw RegionFault(.linkPointer, .VMCS_LINK_POINTER, link)
    }
  }

  /// - Returns: `nil` for a vCPU that never ran.
  private func eptPointer(_ region: VMCSRegion) throws(RegionFault) -> EPTPointer? {
    let value = region[.EPT_POINTER] ?? 0
    guard value != 0 else {
      let rip = region[.GUEST_RIP] ?? 0
      guard region[.GUEST_CR3] ?? 0 == 0, rip == 0xfff0 || rip == 0 else {
        throw RegionFault(.eptPointer, .EPT_POINTER, value)
      }
      return nil
    }
    do throws(EPTPointer.Fault) {
      return try EPTPointer(value)
    } catch {
      throw RegionFault(.eptPointer, .EPT_POINTER, value)
    }
  }

  /// A root that the dump lacks is no contradiction, and neither is one that maps nothing, as a dead guest's.
  private func checkRoot(_ pointer: EPTPointer) throws(RegionFault) {
    guard let page = memory?.page(pointer.rootFrame).page else { return }
    guard pointer.tables(inRoot: page) != nil else { throw RegionFault(.eptRoot, .EPT_POINTER, pointer.rawValue) }
  }
}
