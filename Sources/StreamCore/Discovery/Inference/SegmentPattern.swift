/// How a processor lays out the segment registers: one record a register, with the parts at the same distances in each,
/// or one array a part, with the registers in the same order in each. What fits all 32 fields at once is found with
/// values that each alone say nothing. Source: VMX/Layouts, Nehalem's and Haswell's.
struct SegmentPattern: Sendable {
  let form: AccessRightsForm
  /// By part and register: where it lies by one of the patterns that fit.
  private(set) var offsets: [[Set<Int>]]
  /// Patterns that fit, in words.
  private(set) var kinds: Set<String> = []
  /// Selectors are found by their values alone, which a host has, too.
  private(set) var isHostLike = false

  /// A pattern is looked for among so many combinations at most; more say that the values tell nothing.
  private static let limit = 1 << 16
  /// Arrays of one part at most, likewise.
  private static let columnLimit = 64
  /// Bytes of a record at most.
  private static let reach = 64

  /// The patterns of all forms of access rights that fit; `nil` where none does, or those of two forms do.
  static func find(in regions: [RegionClues], taken: [Bool]) -> SegmentPattern? {
    var found: [SegmentPattern] = []
    for form in AccessRightsForm.allCases where form != .unknown {
      guard let votes = SegmentVotes(form, in: regions, taken: taken) else { continue }
      var pattern = SegmentPattern(form)
      guard pattern.addRecords(votes), pattern.addArrays(votes, regions) else { return nil }
      if !pattern.kinds.isEmpty { found.append(pattern) }
    }
    return found.count == 1 ? found[0] : nil
  }

  private init(_ form: AccessRightsForm) {
    self.form = form
    offsets = Array(
      repeating: Array(repeating: [], count: SegmentVotes.registers.count), count: SegmentPart.allCases.count)
  }

  func places(_ part: SegmentPart, _ register: SegmentRegister) -> [Int] {
    let index = SegmentVotes.registers.firstIndex(of: register) ?? 0
    return offsets[part.rawValue][index].sorted()
  }

  // MARK: Records

  /// - Returns: `false` where there are too many to tell.
  private mutating func addRecords(_ votes: SegmentVotes) -> Bool {
    let parts = SegmentPart.allCases
    // The register with the fewest places is the one to begin with.
    let counts = SegmentVotes.registers.indices.map { register in
      parts.reduce(1) { $0.multipliedReportingOverflow(by: votes.offsets[$1.rawValue][register].count).partialValue }
    }
    guard let first = counts.indices.min(by: { counts[$0] < counts[$1] }) else { return true }
    var tried = 0
    var distances: Set<[Int]> = []
    for base in votes.offsets[SegmentPart.base.rawValue][first] {
      let near = parts.map { part in
        votes.offsets[part.rawValue][first].filter { abs($0 - base) < Self.reach }
      }
      for selector in near[0] {
        for limit in near[1] {
          for rights in near[2] {
            tried += 1
            guard tried <= Self.limit else { return false }
            let record = [selector - base, limit - base, rights - base, 0]
            if Self.isRecord(record, form) { distances.insert(record) }
          }
        }
      }
    }
    for record in distances { add(record, votes) }
    return true
  }

  /// Whether the parts do not overlap and lie close together.
  private static func isRecord(_ record: [Int], _ form: AccessRightsForm) -> Bool {
    let ranges = zip(record, SegmentPart.allCases).map { $0..<$0 + $1.width(form) }.sorted {
      $0.lowerBound < $1.lowerBound
    }
    return zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
      && ranges[ranges.count - 1].upperBound - ranges[0].lowerBound <= reach
  }

  private mutating func add(_ record: [Int], _ votes: SegmentVotes) {
    var starts = SegmentVotes.registers.indices.map { register in
      votes.offsets[SegmentPart.base.rawValue][register].filter { start in
        SegmentPart.allCases.allSatisfy { votes.fits($0, register, at: start + record[$0.rawValue]) }
      }
    }
    let low = record.min() ?? 0
    let size = (zip(record, SegmentPart.allCases).map { $0 + $1.width(form) }.max() ?? 0) - low
    // A register with one place keeps others away from it.
    var settled: Set<Int> = []
    while let register = starts.indices.first(where: { starts[$0].count == 1 && !settled.contains($0) }) {
      settled.insert(register)
      let own = starts[register][0]
      for other in starts.indices where other != register { starts[other].removeAll { abs($0 - own) < size } }
    }
    guard starts.allSatisfy({ !$0.isEmpty }), settled.count >= 2, Self.isDistinct(starts) else { return }
    kinds.insert("records of \(size) bytes")
    for (register, places) in starts.enumerated() {
      for part in SegmentPart.allCases {
        offsets[part.rawValue][register].formUnion(places.map { $0 + record[part.rawValue] })
      }
    }
  }

  /// Whether each register can have a record of its own: as many registers as share the same places have that many.
  private static func isDistinct(_ starts: [[Int]]) -> Bool {
    starts.allSatisfy { places in
      starts.filter { Set($0).isSubset(of: places) }.count <= places.count
    }
  }

  // MARK: Arrays

  /// A part's array: the place of its first element and from one to the next.
  private struct Column {
    let start: Int
    let step: Int
    /// By slot, the registers whose values stand there.
    let slots: [UInt8]

    func range(_ width: Int) -> Range<Int> { start..<start + 7 * step + width }
  }

  private mutating func addArrays(_ votes: SegmentVotes, _ regions: [RegionClues]) -> Bool {
    let columns = SegmentPart.allCases.compactMap { self.columns($0, votes) }
    guard columns.count == SegmentPart.allCases.count else { return false }
    let combinations = columns.reduce(1) { $0.multipliedReportingOverflow(by: $1.count).partialValue }
    guard combinations > 0 else { return true }
    guard combinations <= Self.limit else { return false }
    for base in columns[3] {
      for rights in columns[2] {
        let some = zip(base.slots, rights.slots).map { $0 & $1 }
        guard SlotMatching(some) != nil else { continue }
        for limit in columns[1] {
          let more = zip(some, limit.slots).map { $0 & $1 }
          guard SlotMatching(more) != nil else { continue }
          for selector in columns[0] {
            let chosen = [selector, limit, rights, base]
            let ranges = zip(chosen, SegmentPart.allCases).map { $0.range($1.width(form)) }
            guard !ranges.indices.contains(where: { one in ranges[..<one].contains { $0.overlaps(ranges[one]) } }),
              let matching = SlotMatching(zip(more, selector.slots).map { $0 & $1 })
            else { continue }
            add(chosen, matching)
            if !Self.isGuests(selector, regions) { isHostLike = true }
          }
        }
      }
    }
    return true
  }

  private mutating func add(_ columns: [Column], _ matching: SlotMatching) {
    kinds.insert("arrays")
    for (part, column) in columns.enumerated() {
      for (register, slots) in matching.slots.enumerated() {
        for slot in slots { offsets[part][register].insert(column.start + slot * column.step) }
      }
    }
  }

  /// `nil` where there are too many to tell.
  private func columns(_ part: SegmentPart, _ votes: SegmentVotes) -> [Column]? {
    let width = part.width(form)
    let masks = votes.masks[part.rawValue]
    var columns: [Column] = []
    for step in Set([width, 4, 8]).sorted() where step >= width {
      for start in stride(from: Layout.firstOffset, to: pageSize - 7 * step - width + 1, by: min(width, 4)) {
        let slots = (0..<8).map { masks[start + $0 * step] }
        guard !slots.contains(0), slots.reduce(0, |) == 0xff, SlotMatching(slots) != nil else { continue }
        columns.append(Column(start: start, step: step, slots: slots))
        guard columns.count <= Self.columnLimit else { return nil }
      }
    }
    return columns
  }

  /// Whether an array of selectors holds some that Linux has not while it is in its kernel: those of the host's own
  /// array it always has. Source: arch/x86/include/asm/segment.h, __KERNEL_CS, __KERNEL_DS, GDT_ENTRY_TSS.
  private static func isGuests(_ column: Column, _ regions: [RegionClues]) -> Bool {
    regions.contains { region in
      (0..<8).contains { slot in
        ![0, 0x10, 0x18, 0x40].contains(region.page.value(column.start + slot * column.step, 2))
      }
    }
  }
}

/// Which register each slot of an array can hold, where all eight can have one of their own.
struct SlotMatching: Sendable {
  /// By register: the slots that it has in some assignment.
  private(set) var slots: [[Int]] = Array(repeating: [], count: 8)

  /// - Parameter registers: by slot, a bit for each register that it can hold.
  init?(_ registers: [UInt8]) {
    guard Self.exists(registers) else { return nil }
    for slot in 0..<8 {
      for register in 0..<8 where registers[slot] >> UInt8(register) & 1 == 1 {
        var rest = registers
        rest[slot] = 1 << UInt8(register)
        if Self.exists(rest) { slots[register].append(slot) }
      }
    }
    if slots.contains(where: \.isEmpty) { return nil }
  }

  /// Whether there is an assignment: registers taken in all ways of the slots so far, a bit set of bit sets.
  private static func exists(_ registers: [UInt8]) -> Bool {
    var reached: Set<UInt8> = [0]
    for choices in registers {
      var next: Set<UInt8> = []
      for taken in reached {
        let free = choices & ~taken
        for register in 0..<8 where free >> UInt8(register) & 1 == 1 { next.insert(taken | 1 << UInt8(register)) }
      }
      reached = next
    }
    return !reached.isEmpty
  }
}
