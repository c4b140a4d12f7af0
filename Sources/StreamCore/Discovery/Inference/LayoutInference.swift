/// A layout that nobody has published, from the regions that a host's kernel names and the copies which it keeps of
/// their fields. A field's place counts where every region agrees and nothing else is as good; a value counts where all
/// places that fit hold it. What is not settled stays open. Source: Documentation/vmcs.md §11.
///
/// Evidence is the host's: which pages are regions, what KVM holds of them. A value that a guest chose tells a place only
/// where the guests of two VMs would have had to choose alike.
struct LayoutInference: Sendable {
  let regions: [RegionClues]
  private(set) var fields: [InferredField] = []
  private(set) var form = AccessRightsForm.unknown
  /// By region: what is sure of it, with KVM's own copies; access rights in the form of the SDM.
  private(set) var values: [HPA: [VMCSField: UInt64]] = [:]

  private var votes: [VMCSField: PlaceVotes] = [:]
  private var sure: [VMCSField: Layout.Place] = [:]
  private var reasons: [VMCSField: String] = [:]
  private let given: Layout?
  /// What a field's places hold counts in regions whose own value is not known.
  private var agreeing: Set<VMCSField> = []
  private var tables: DescriptorTables?

  /// - Parameters:
  ///   - regions: of one revision id, all of them live.
  ///   - given: what is known of the layout already, and agrees with the copies.
  init(_ regions: [RegionClues], given: Layout? = nil) {
    self.regions = regions
    self.given = given
    for field in VMCSField.allCases where !VMCSField.accessRights.contains(field) {
      votes[field] = PlaceVotes(field, in: regions)
    }
    if let given {
      form = given.accessRights
      for field in given.fields {
        if let place = given[field] { take(field, place, "given by \(given.id)") }
      }
    }
    settle()
    settleBySight()
    settleSegments()
    settle()
    settleTables()
    for field in VMCSField.allCases { conclude(field) }
    for region in regions { values[region.address] = values(of: region) }
  }

  // MARK: Places

  /// What each settled field takes away can settle others.
  private mutating func settle() {
    var changed = true
    while changed {
      changed = false
      for field in VMCSField.allCases where sure[field] == nil {
        guard let vote = votes[field], vote.offsets.count == 1, let reason = reason(vote) else { continue }
        take(field, Layout.Place(offset: vote.offsets[0], width: vote.width), reason)
        changed = true
      }
    }
    for (field, vote) in votes where (vote.isStrong || vote.isFormed) && !hasTwin(vote) { agreeing.insert(field) }
  }

  private mutating func take(_ field: VMCSField, _ place: Layout.Place, _ reason: String) {
    sure[field] = place
    reasons[field] = reason
    for other in votes.keys where other != field { votes[other]?.exclude(place) }
  }

  /// Why the one place of a field is its own; `nil`: it need not be.
  private func reason(_ vote: PlaceVotes) -> String? {
    guard !isClaimed(vote) else { return nil }
    if vote.isStrong, !hasTwin(vote) { return vote.source }
    if vote.isFormed, !hasTwin(vote) { return "\(vote.source); its form in all other regions" }
    guard vote.voters > 0, let neighbour = neighbour(of: vote) else { return nil }
    return "\(vote.source); next to \(neighbour.name)"
  }

  /// Another field has this as its only place, too.
  private func isClaimed(_ vote: PlaceVotes) -> Bool {
    let own = vote.offsets[0]..<vote.offsets[0] + vote.width
    return votes.values.contains { other in
      other.field != vote.field && sure[other.field] == nil && other.offsets.count == 1
        && own.overlaps(other.offsets[0]..<other.offsets[0] + other.width)
    }
  }

  /// Another field has the same value wherever this one's is known, so that its place would do for both.
  private func hasTwin(_ vote: PlaceVotes) -> Bool {
    let voters = regions.filter { $0.known[vote.field] != nil }
    return votes.keys.contains { other in
      other != vote.field && other.width == vote.width
        && voters.allSatisfy { region in
          guard let own = region.known[vote.field]?.exact, let its = region.known[other] else { return false }
          return its.fits(own)
        }
    }
  }

  /// A settled field that stands where it would if both are stored in the order of their encodings, side by side.
  private func neighbour(of vote: PlaceVotes) -> VMCSField? {
    for distance in [-1, 1, -2, 2] {
      guard let code = UInt16(exactly: Int(vote.field.rawValue) + 2 * distance),
        let other = VMCSField(rawValue: code), let place = sure[other], place.width == vote.width,
        place.offset == vote.offsets[0] + distance * vote.width
      else { continue }
      return other
    }
    return nil
  }

  // MARK: Guests' memory

  /// Where no vCPU was stopped, KVM has no copies of CR3, RIP and RSP that count.
  private mutating func settleBySight() {
    let seen = regions.filter { $0.guest != nil }
    guard Set(seen.map(\.vm)).count >= 2 else { return }
    if sure[.GUEST_CR3] == nil, votes[.GUEST_CR3]?.isStrong == false {
      let places = SightVotes(regions: regions, taken: bytes(of: Set(sure.keys))).tables()
      votes[.GUEST_CR3]?.take(places, tested: seen)
      let reason = "page tables of the guests, in their memory"
      if places.count == 1 { take(.GUEST_CR3, Layout.Place(offset: places[0], width: 8), reason) }
      reasons[.GUEST_CR3] = reason
      agreeing.insert(.GUEST_CR3)
    }
    let three = SightVotes.three
    guard three.allSatisfy({ sure[$0] == nil && votes[$0]?.isStrong == false }) else { return }
    let cr3 = seen.reduce(into: [HPA: UInt64]()) { $0[$1.address] = tables(of: $1) }
    let places = SightVotes(regions: regions, taken: bytes(of: Set(sure.keys))).stacks(cr3: cr3)
    guard places.count == 1 else { return }
    for (index, field) in three.enumerated() {
      votes[field]?.take([places[0] + 8 * index], tested: seen)
      take(
        field, Layout.Place(offset: places[0] + 8 * index, width: 8),
        "RSP, RIP and RFLAGS side by side, mapped by the guests' page tables")
    }
  }

  /// A guest's CR3, where it is settled.
  private func tables(of region: RegionClues) -> UInt64? {
    sure[.GUEST_CR3].map { region.page.u64($0.offset) } ?? agreed(.GUEST_CR3, in: region)
  }

  /// GDTR and IDTR; TR's base where it stands in that GDT.
  private mutating func settleTables() {
    let guests = regions.filter { $0.guest != nil }
    let seen = guests.compactMap { region -> DescriptorTables.Seen? in
      guard let guest = region.guest, let cr3 = tables(of: region) else { return nil }
      let own = values(of: region)
      return DescriptorTables.Seen(
        clue: region, guest: guest, cr3: cr3, selector: own[.GUEST_TR_SELECTOR], base: own[.GUEST_TR_BASE])
    }
    guard seen.count == guests.count else { return }
    let distances = Set(
      SegmentRegister.allCases.compactMap { register -> Int? in
        guard let base = sure[register.fields.base], let limit = sure[register.fields.limit] else { return nil }
        return limit.offset - base.offset
      })
    tables = DescriptorTables(
      seen, taken: bytes(of: Set(sure.keys)), limitDistance: distances.count == 1 ? distances.first : nil)
  }

  /// By byte of the region: whether it is one of these fields'.
  private func bytes(of fields: Set<VMCSField>) -> [Bool] {
    var taken = [Bool](repeating: false, count: pageSize)
    for (field, place) in sure where fields.contains(field) {
      for byte in place.offset..<place.offset + place.width { taken[byte] = true }
    }
    return taken
  }

  // MARK: Segments

  private mutating func settleSegments() {
    let segments = Set(SegmentRegister.allCases.flatMap { register in SegmentPart.allCases.map { $0.field(register) } })
    let taken = bytes(of: Set(sure.keys).subtracting(segments))
    guard let pattern = SegmentPattern.find(in: regions, taken: taken),
      form == .unknown || form == pattern.form
    else { return }
    form = pattern.form
    let kind = pattern.kinds.sorted().joined(separator: " or ")
    for register in SegmentRegister.allCases {
      for part in SegmentPart.allCases {
        let field = part.field(register)
        let places = pattern.places(part, register)
        if given?[field] != nil { continue }
        // A field that is settled by itself has to agree with the pattern; where it does not, neither counts.
        if let own = sure[field], places != [own.offset] {
          sure[field] = nil
          agreeing.remove(field)
          continue
        }
        votes[field] = PlaceVotes(field, width: part.width(form), offsets: places, in: regions)
        guard part != .selector || !pattern.isHostLike, isShown(register, part) else { continue }
        agreeing.insert(field)
        if places.count == 1 {
          take(field, Layout.Place(offset: places[0], width: part.width(form)), "segments as \(kind)")
        } else {
          reasons[field] = "segments as \(kind)"
        }
      }
    }
  }

  /// Whether some region shows the field with a value. FS, GS and TR have bases of their own in any mode, and a place
  /// that holds zeros alone is as good as free; the others' are 0 in 64-bit mode whatever is stored.
  private func isShown(_ register: SegmentRegister, _ part: SegmentPart) -> Bool {
    guard part == .base, [.fs, .gs, .tr].contains(register) else { return true }
    return regions.contains { $0.known[part.field(register)]?.exact ?? 0 != 0 }
  }

  // MARK: Outcome

  private mutating func conclude(_ field: VMCSField) {
    if let tables, DescriptorTables.fields.contains(field), sure[field] == nil, let places = tables.places[field],
      !places.isEmpty, votes[field]?.voters ?? 0 == 0
    {
      let seen = regions.filter { $0.guest != nil }
      let isSettled = tables.values.values.contains { $0[field] != nil }
      fields.append(
        InferredField(
          field: field, outcome: isSettled ? .agreed(places) : .open(places), voters: seen.count,
          vms: Set(seen.map(\.vm)).count, evidence: "descriptor tables of the guests, in their memory"))
      return
    }
    guard let vote = votes[field], vote.voters > 0 else {
      let outcome = sure[field].map(FieldOutcome.sure) ?? .open([])
      let evidence = reasons[field] ?? "the host's kernel keeps no copy"
      fields.append(InferredField(field: field, outcome: outcome, evidence: evidence))
      return
    }
    var result = InferredField(
      field: field, outcome: .open(vote.offsets), voters: vote.voters, vms: vote.vms,
      evidence: reasons[field] ?? vote.source)
    if let place = sure[field] {
      result.outcome = .sure(place)
    } else if vote.offsets.isEmpty {
      result.outcome = .notThere
    } else if isAgreed(field, vote) {
      result.outcome = .agreed(vote.offsets)
    }
    fields.append(result)
  }

  /// Whether the places of a field that has no sure one give its value in some region.
  private func isAgreed(_ field: VMCSField, _ vote: PlaceVotes) -> Bool {
    if let control = ControlRegisterVotes.all.first(where: { $0.value == field }) {
      return regions.contains { !control.values(in: $0, votes, sure).isEmpty }
    }
    return vote.offsets.count > 1 && regions.contains { agreed(field, in: $0) != nil }
  }

  /// What the places of a field that has no sure one hold in a region, where they agree.
  private func agreed(_ field: VMCSField, in region: RegionClues) -> UInt64? {
    guard let vote = votes[field], vote.offsets.count > 1, agreeing.contains(field) else { return nil }
    return vote.value(in: region.page)
  }

  private func values(of region: RegionClues) -> [VMCSField: UInt64] {
    var values: [VMCSField: UInt64] = [:]
    for (field, known) in region.known {
      if let value = known.exact { values[field] = value }
    }
    for field in VMCSField.allCases {
      if let place = sure[field] {
        values[field] = inSDMForm(region.page.value(place.offset, place.width), field)
      } else if let value = agreed(field, in: region) {
        values[field] = inSDMForm(value, field)
      }
    }
    for control in ControlRegisterVotes.all {
      for (field, value) in control.values(in: region, votes, sure) { values[field] = value }
    }
    for (field, value) in tables?.values[region.address] ?? [:] where values[field] == nil { values[field] = value }
    return values
  }

  /// Access rights in the form of the SDM.
  private func inSDMForm(_ stored: UInt64, _ field: VMCSField) -> UInt64? {
    VMCSField.accessRights.contains(field) ? form.sdm(stored).map(UInt64.init) : stored
  }

  /// The sure fields as a layout.
  func layout(id: String, processor: String) -> Layout? {
    guard let revision = regions.first?.page.revisionID else { return nil }
    return try? Layout(
      id: id, processor: processor, revisionIDs: [revision], accessRights: form, places: sure)
  }
}
