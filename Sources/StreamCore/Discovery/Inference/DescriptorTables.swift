/// GDTR and IDTR by the tables that they lead to in the guests' memory: a GDT with the descriptor of the task state segment
/// that TR holds, an IDT with gates into the code of that GDT. No copy of KVM's tells them.
///
/// The tables are the guests' own, and nothing makes a processor look at them before the next interrupt. So a place counts
/// where it passes in every VM, two at least, and gives the values of the regions that passed, no place of the layout:
/// the host's own GDT and IDT often lie at the same addresses. Source: SDM vol. 3, 3.4.5, 6.14.1, 8.2.3.
struct DescriptorTables: Sendable {
  /// A region whose guest's memory can be read.
  struct Seen: Sendable {
    let clue: RegionClues
    let guest: GuestSight
    let cr3: UInt64
    /// TR, as far as it is known.
    var selector: UInt64?
    var base: UInt64?
  }

  /// The fields that come out, of regions where all places agree.
  static let fields: [VMCSField] = [
    .GUEST_GDTR_BASE, .GUEST_IDTR_BASE, .GUEST_TR_BASE, .GUEST_GDTR_LIMIT, .GUEST_IDTR_LIMIT,
  ]

  private(set) var places: [VMCSField: [Int]] = [:]
  /// By region and field.
  private(set) var values: [HPA: [VMCSField: UInt64]] = [:]

  private let seen: [Seen]
  private let taken: [Bool]

  /// - Parameters:
  ///   - seen: of all vCPUs whose guest pages in long mode.
  ///   - taken: bytes that are other fields'.
  ///   - distance: of the limit from the base in a segment's record, where segments lie in records.
  init?(_ seen: [Seen], taken: [Bool], limitDistance distance: Int?) {
    guard Set(seen.map(\.clue.vm)).count >= 2 else { return nil }
    self.seen = seen
    self.taken = taken
    let tables = globalTables()
    guard !tables.isEmpty else { return nil }
    places[.GUEST_GDTR_BASE] = tables.map(\.place)
    places[.GUEST_TR_BASE] = Set(tables.flatMap(\.bases)).sorted()
    settle(.GUEST_GDTR_BASE)
    settle(.GUEST_TR_BASE)
    places[.GUEST_IDTR_BASE] = interruptTables()
    settle(.GUEST_IDTR_BASE)
    settleLimits(distance)
  }

  private mutating func settle(_ field: VMCSField) {
    guard let places = places[field], let first = places.first else { return }
    for region in seen {
      let value = region.clue.page.u64(first)
      guard places.allSatisfy({ region.clue.page.u64($0) == value }) else { continue }
      values[region.clue.address, default: [:]][field] = value
    }
  }

  // MARK: Places

  /// Places of 8 bytes that pass in every VM.
  private func passing(_ test: (Seen, UInt64) -> GuestSight.Verdict) -> [Int] {
    let all = Set(seen.map(\.clue.vm))
    return stride(from: Layout.firstOffset, to: pageSize - 7, by: 4).filter { offset in
      guard !taken[offset..<offset + 8].contains(true) else { return false }
      var vms: Set<VirtualAddress> = []
      for region in seen {
        switch test(region, region.clue.page.u64(offset)) {
        case .fails: return false
        case .unknown: continue
        case .passes: vms.insert(region.clue.vm)
        }
      }
      return vms == all
    }
  }

  /// Places of GDTR's base, each with those of TR's base that go with it, where that is not known.
  private func globalTables() -> [(place: Int, bases: [Int])] {
    let candidates = passing { region, address in
      guard address != 0 else { return .fails }
      switch region.guest.page(at: address, by: region.cr3) {
      case .none: return .fails
      case .unknown: return .unknown
      case .page(let page): return tasks(of: region, page, address).isEmpty ? .fails : .passes
      }
    }
    return candidates.compactMap { place in
      var bases: [Int]?
      for region in seen where region.base == nil {
        let address = region.clue.page.u64(place)
        guard case .page(let page) = region.guest.page(at: address, by: region.cr3) else { continue }
        let wanted = Set(tasks(of: region, page, address).map(\.base))
        bases = (bases ?? PlaceVotes.places(8).filter { !taken[$0..<$0 + 8].contains(true) })
          .filter { wanted.contains(region.clue.page.u64($0)) }
      }
      return bases?.isEmpty == true ? nil : (place, bases ?? [])
    }
  }

  /// Task state segments in use, by the descriptors of a GDT that can be TR's.
  private func tasks(of region: Seen, _ page: Page, _ address: UInt64) -> [TaskStateDescriptor] {
    TaskStateDescriptor.all(in: page, from: Int(address & 0xfff)).filter { task in
      (region.selector.map { $0 == task.selector } ?? true)
        && (region.base.map { $0 == task.base } ?? region.clue.holds(task.base))
    }
  }

  /// Exceptions that any kernel has gates for: #DE, #UD, #GP, #PF.
  private static let exceptions = [0, 6, 13, 14]

  private func interruptTables() -> [Int] {
    passing { region, address in
      guard address & 0xf == 0, address != 0, let global = values[region.clue.address]?[.GUEST_GDTR_BASE] else {
        return .fails
      }
      switch (region.guest.page(at: address, by: region.cr3), region.guest.page(at: global, by: region.cr3)) {
      case (.none, _), (_, .none): return .fails
      case (.page(let page), .page(let code)):
        let first = Int(address & 0xfff)
        guard first + (Self.exceptions.max() ?? 0) * 16 + 16 <= pageSize else { return .unknown }
        let isRight = Self.exceptions.allSatisfy { vector in
          let (low, high) = (page.u64(first + 16 * vector), page.u64(first + 16 * vector + 8))
          let target = (low & 0xffff) | (low >> 48) << 16 | high << 32
          let selector = Int(low >> 16 & 0xfff8)
          // Present, an interrupt or a trap gate, to 64-bit code.
          return low >> 47 & 1 == 1 && [0xe, 0xf].contains(low >> 40 & 0x1f) && high >> 32 == 0
            && VirtualAddress(rawValue: target).isCanonical(levels: region.guest.levels)
            && Self.isCode(code, Int(global & 0xfff) + selector)
        }
        return isRight ? .passes : .fails
      default: return .unknown
      }
    }
  }

  /// Whether a descriptor is that of the kernel's 64-bit code: executable, S, DPL 0, P and L.
  private static func isCode(_ page: Page, _ offset: Int) -> Bool {
    guard offset + 8 <= pageSize else { return false }
    return page.u64(offset) >> 43 & 0x1f == 0x13 && page.u64(offset) >> 53 & 1 == 1
  }

  // MARK: Limits

  /// Limits are small numbers, and no table tells them: they count where both stand where processors keep them, as in a
  /// segment's record, or both behind both bases. Source: VMX/Layouts, Haswell's and Nehalem's.
  private mutating func settleLimits(_ distance: Int?) {
    let (global, interrupt) = (places[.GUEST_GDTR_BASE] ?? [], places[.GUEST_IDTR_BASE] ?? [])
    var found: [(global: Int, interrupt: Int)] = []
    for one in global {
      for other in interrupt where other != one {
        if let distance { found.append((one + distance, other + distance)) }
        if other == one + 8 { found.append((one + 16, one + 20)) }
      }
    }
    found = found.filter { pair in
      isFree(pair.global) && isFree(pair.interrupt)
        && seen.allSatisfy { region in
          let (limit, own) = (region.clue.page.u32(pair.global), region.clue.page.u32(pair.interrupt))
          // Eight bytes a descriptor, and room for one behind the null and the task's own; 256 gates of 16 bytes.
          return limit & 7 == 7 && (0x17...0xffff).contains(limit) && own & 0xf == 0xf && (0xfff...0xffff).contains(own)
            && region.selector.map { UInt64(limit) >= $0 + 15 } ?? true
        }
    }
    guard found.count == 1 else { return }
    places[.GUEST_GDTR_LIMIT] = [found[0].global]
    places[.GUEST_IDTR_LIMIT] = [found[0].interrupt]
    for region in seen {
      values[region.clue.address, default: [:]][.GUEST_GDTR_LIMIT] = UInt64(region.clue.page.u32(found[0].global))
      values[region.clue.address, default: [:]][.GUEST_IDTR_LIMIT] = UInt64(region.clue.page.u32(found[0].interrupt))
    }
  }

  private func isFree(_ offset: Int) -> Bool {
    offset >= Layout.firstOffset && offset <= pageSize - 4 && !taken[offset..<offset + 4].contains(true)
  }
}

/// The descriptor of a 64-bit task state segment in use. Source: SDM vol. 3, 8.2.3.
struct TaskStateDescriptor: Sendable, Equatable {
  let selector: UInt64
  let base: UInt64

  /// Those of a table that begins at `start`, as far as its page goes.
  static func all(in page: Page, from start: Int) -> [TaskStateDescriptor] {
    stride(from: start + 8, to: pageSize - 15, by: 8).compactMap { offset in
      let (low, high) = (page.u64(offset), page.u64(offset + 8))
      // Present, a system's, busy; the upper half's own type is 0.
      guard low >> 40 & 0x9f == 0x8b, high >> 32 == 0 else { return nil }
      let base = (low >> 16 & 0xff_ffff) | (low >> 56) << 24 | high << 32
      return TaskStateDescriptor(selector: UInt64(offset - start), base: base)
    }
  }
}

extension RegionClues {
  /// Whether 8 bytes somewhere are this value.
  fileprivate func holds(_ value: UInt64) -> Bool { PlaceVotes.places(8).contains { page.u64($0) == value } }
}
