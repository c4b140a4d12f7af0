/// Tells by the host's structures whether a page is a region: a value in it leads into a `vcpu_vmx` whose `loaded_vmcs`
/// names the page.
struct RegionLead: Sendable {
  let kernel: LinuxKernel
  private let finder: VCPUFinder

  /// - Parameter head: `vm_list`, where its symbol is known.
  init(_ kernel: LinuxKernel, head: VirtualAddress?) {
    self.kernel = kernel
    finder = VCPUFinder(kernel: kernel, head: head)
  }

  /// Byte offsets of such values, in ascending order.
  func places(in page: Page, at region: HPA) -> [Int] {
    PlaceVotes.places(8).filter { pointer(by: page.u64($0), from: region) != nil }
  }

  /// Physical address of the `loaded_vmcs`, where the value is that of an area behind it.
  func pointer(by value: UInt64, from region: HPA) -> UInt64? {
    guard value != 0, value & 7 == 0, value >> 52 == 0, kernel.memory.page(value >> 12).page != nil else { return nil }
    var facts = RegionFacts(address: region)
    facts.entryMSRLoad = value
    return finder.pointers(of: facts).first?.address
  }
}

/// What the structures around a region show of a layout that nobody has published, where the host's kernel has no types:
/// the places of the fields that lead from it to its vCPU, its VMM and its guest's map. All of them name pages, and
/// what these must be only the host can have made so; guests' look-alikes have no vote without a `loaded_vmcs` that
/// names them. Source: Documentation/vmcs.md §11.
struct StructuralLayout {
  /// Regions that the places were found in.
  let regions: [(address: HPA, page: Page)]
  private(set) var layout: Layout?

  private let lead: RegionLead
  private var kernel: LinuxKernel { lead.kernel }

  /// Sets of pages that are led by the same place are tried at most: guests can make any number.
  private static let limit = 16

  /// What the places that lead pages into a `vcpu_vmx` show, those of the most pages first. The areas for entry and exit
  /// both do; entry's stands first in the structure. Source: KVM, struct vcpu_vmx, msr_autoload.
  /// - Parameter pages: which look like regions, all with one revision id.
  static func all(_ pages: [(address: HPA, page: Page)], _ lead: RegionLead) -> [StructuralLayout] {
    var leading: [Int: [Int]] = [:]
    for (index, page) in pages.enumerated() {
      for offset in lead.places(in: page.page, at: page.address) { leading[offset, default: []].append(index) }
    }
    var first: [[Int]: Int] = [:]
    for (offset, led) in leading.sorted(by: { $0.key < $1.key }) {
      let page = pages[led[0]].page
      if let other = first[led], page.u64(other) <= page.u64(offset) { continue }
      first[led] = offset
    }
    let ordered = first.sorted { ($1.key.count, $0.value) < ($0.key.count, $1.value) }
    return ordered.prefix(limit).map { led, offset in StructuralLayout(led.map { pages[$0] }, offset, lead) }
  }

  private init(_ regions: [(address: HPA, page: Page)], _ offset: Int, _ lead: RegionLead) {
    self.regions = regions
    self.lead = lead
    let load = Layout.Place(offset: offset, width: 8)
    guard let pointer = place(where: isEPTPointer),
      let table = place(where: { [kernel] in kernel.kernelHalf(ofCR3: $0) == .same }),
      let revision = regions.first?.page.revisionID
    else { return }
    var places: [VMCSField: Layout.Place] = [.VM_ENTRY_MSR_LOAD_ADDR: load, .EPT_POINTER: pointer, .HOST_CR3: table]
    if let (cr0, cr4) = masks(load) {
      places[.CR0_GUEST_HOST_MASK] = cr0
      places[.CR4_GUEST_HOST_MASK] = cr4
    }
    layout = try? Layout(
      id: "inferred-\(hex(revision))", processor: "inferred, revision id \(hex(revision))", revisionIDs: [revision],
      accessRights: .unknown, places: places)
  }

  private static let offsets = PlaceVotes.places(8)

  /// Of a vCPU that never ran it is 0.
  private func isEPTPointer(_ value: UInt64) -> Bool {
    guard let pointer = try? EPTPointer(value), let page = kernel.memory.page(pointer.rootFrame).page else {
      return false
    }
    return pointer.tables(inRoot: page) ?? 0 > 0
  }

  /// The places of the masks of CR0 and CR4, by the copies of their complements that `kvm_vcpu.arch` has behind
  /// `regs_avail`, `regs_dirty` and CR0, 32 bytes from each other. Source: kvm_host.h, struct kvm_vcpu_arch.
  /// - Parameter load: of the VM-entry MSR-load area.
  private func masks(_ load: Layout.Place) -> (cr0: Layout.Place, cr4: Layout.Place)? {
    var found: Set<[Int]>?
    for region in regions {
      guard let pointer = lead.pointer(by: region.page.u64(load.offset), from: region.address),
        pointer >= VCPUShape.startReach
      else { return nil }
      let bytes = PhysicalBytes(kernel.memory, from: pointer - VCPUShape.startReach, count: VCPUShape.startReach)
      var own: Set<[Int]> = []
      for distance in stride(from: UInt64(40), to: VCPUShape.startReach - 16, by: 8) {
        let place = pointer - distance
        guard let available = bytes.u32(place - 16), let dirty = bytes.u32(place - 12), let cr0 = bytes.u64(place - 8),
          let owned = bytes.u64(place), let ownedOfCR4 = bytes.u64(place + 32),
          UInt64(available) & KVMRegisters.alwaysAvailable == KVMRegisters.alwaysAvailable, dirty & ~available == 0,
          cr0 >> 32 == 0, owned >> 32 == 0, ownedOfCR4 >> 32 == 0, owned != ownedOfCR4, ownedOfCR4 != 0
        else { continue }
        let first = Self.offsets.filter { region.page.u64($0) == ~owned }
        let second = Self.offsets.filter { region.page.u64($0) == ~ownedOfCR4 }
        for one in first { own.formUnion(second.map { [Int(distance), one, $0] }) }
      }
      found = found.map { $0.intersection(own) } ?? own
    }
    guard let found, Set(found.map { $0[0] }).count == 1,
      let first = found.min(by: { $0.lexicographicallyPrecedes($1) }), abs(first[1] - first[2]) >= 8
    else { return nil }
    return (Layout.Place(offset: first[1], width: 8), Layout.Place(offset: first[2], width: 8))
  }

  /// The place whose value passes in every region, or is 0 there, and passes in one at least; of several the first,
  /// where all of them hold the same.
  private func place(where isRight: (UInt64) -> Bool) -> Layout.Place? {
    let places = Self.offsets.filter { offset in
      var passed = 0
      for region in regions {
        let value = region.page.u64(offset)
        if value == 0 { continue }
        guard isRight(value) else { return false }
        passed += 1
      }
      return passed > 0
    }
    guard let first = places.first,
      places.allSatisfy({ place in regions.allSatisfy { $0.page.u64(place) == $0.page.u64(first) } })
    else { return nil }
    return Layout.Place(offset: first, width: 8)
  }
}

extension HostFinder {
  /// The host whose kernel does not name the regions, and of whose layout no more is known than their structures show.
  /// - Throws: `HostWithoutGuests`: they lead nowhere.
  func byStructure(_ trials: [LayoutTrial], _ sources: [LayoutSource]) throws -> JudgedHost {
    var signs: VMXSigns?
    let fault = try withoutGuests(trials, sources, signs: &signs)
    guard let signs, let kernel = try? word.kernel?.get() else { throw fault }
    let lead = RegionLead(kernel, head: word.head)
    let found = signs.revisionIDs.flatMap { revision in
      let pages = (signs.frames[revision] ?? []).compactMap { frame in
        memory.page(frame).page.map { (address: HPA(frame: frame), page: $0) }
      }
      return StructuralLayout.all(pages, lead)
    }
    for found in found {
      guard let layout = found.layout else { continue }
      var result = RegionSearch.LayoutResult(layout: layout)
      let rules = RegionJudge(layout: layout, memory: memory, isPartial: true)
      for region in found.regions where rules.judge(region.page, at: region.address) == .guest {
        result.accepted.insert(region.address.frame)
      }
      result.accepted.freeze()
      var search = RegionSearch(results: [result])
      search.candidates = UInt64(found.regions.count)
      var host = try judge(result, search, source: "inferred")
      guard !host.regions.isEmpty else { continue }
      host.layout = nil
      host.unknown = UnknownLayout(
        revisionIDs: layout.revisionIDs, regions: host.regions.count, tried: trials.flatMap(\.outcome),
        inferred: "\(layout.id): \(layout.fields.map(\.name).joined(separator: ", ")), by what they lead to; no more, "
          + "for " + (word.why ?? "the host's kernel does not tell its VMs"),
        isByStructure: true)
      return host
    }
    throw fault
  }
}
