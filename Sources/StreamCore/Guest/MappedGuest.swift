/// A guest whose memory is mapped, before it is known which kernel ran in it.
struct MappedGuest: Sendable {
  let group: GroupedGuest
  /// Makes the map, and goes through it again.
  let mapper: GuestMapper
  var map: GuestMap
  /// Its memory's blocks in its VMM, where slots are not known.
  var join: BlockJoin.Outcome?
  /// What it shares with other guests; `nil`: not known.
  var shared: SharedFrames?
}

/// What is kept of the guests' maps, and how much memory that may take.
struct MapStorage: Sendable {
  /// Takes the extents of all guests; `nil`: they are not asked for.
  var extents: ExtentStore?
  /// Which pages there are is kept, not their number alone.
  var keepsPages: Bool
  /// For the bitmaps, bytes: of all guests where they are kept, else of each.
  var limit: Int
  /// Tables of all guests' maps that are read at most to count their pages; with more they are not counted. `nil`: they
  /// are counted whatever it takes.
  var tableLimit: UInt64?
  /// Tables of a VMM that are read at most to join them with a guest's: those of 16 TiB in pages of 4 KiB.
  var joinLimit: UInt64 { tableLimit ?? 1 << 22 }
  /// Host frames that are the kernel's zero pages.
  var zeroFrames = FrameBitmap()
  /// For what tells which frames guests share, bytes.
  var sharing = 0
  /// Pages of all guests whose places in the dump are looked up at most, unless the dump is known to be damaged; with
  /// more its bitmaps are believed. `nil`: they are looked up whatever it takes.
  var placeLimit: UInt64?
  /// Places that cannot be followed are known to be there, or not to be, from a look at the whole dump.
  var hasFaults: Bool?

  /// Whether the guests' pages are looked up.
  func checksPlaces(of groups: [GroupedGuest], in dump: any HostDump) -> Bool {
    if let hasFaults { return hasFaults }
    guard let placeLimit, !dump.remarks.contains(where: \.isLoss) else { return true }
    let pages = groups.reduce(into: UInt64(0)) { sum, group in
      // Without slots nobody knows how many.
      guard let memory = group.memory, memory.isWhole else { return }
      for slot in memory.slots { sum &+= UInt64(slot.frames.count) }
    }
    return pages <= placeLimit
  }
}

/// Maps the memory of guests, one after the other, each with all workers.
struct GuestMapping {
  let dump: any HostDump
  let memory: HostMemory
  let storage: MapStorage
  let workers: Workers
  let progress: Progress

  struct Result: Sendable {
    var guests: [MappedGuest] = []
    /// Tables that were left unread, so that no guest's pages are counted.
    var unreadTables: UInt64?
    /// Guests whose maps need more memory than there was left for them, bytes.
    var tooLarge: [(region: HPA, limit: Int)] = []
    /// Which frames guests share.
    let sharing: FrameSharing

    /// Which guests count, each with what it shares with others of them.
    func settle(_ workers: Workers) throws -> Claims.Result {
      var claims = Claims.settle(guests)
      guard unreadTables == nil, let shared = try sharing.settle(claims.kept, workers) else { return claims }
      for index in claims.kept.indices { claims.kept[index].shared = shared[claims.kept[index].group.index] }
      return claims
    }
  }

  /// - Parameter vmcoreinfo: host frames whose pages begin as VMCOREINFO does.
  func run(_ groups: [GroupedGuest], vmcoreinfo: FrameBitmap) throws -> Result {
    progress.begin(.map, total: UInt64(groups.count))
    let checks = storage.checksPlaces(of: groups, in: dump)
    // Each takes some megabytes for itself.
    let few = Workers(count: min(workers.count, 4), cancellation: workers.cancellation, threads: workers.threads)
    let made = try few.map(groups) { memory(of: $0) }
    let mappers = zip(groups, made).map { group, made in
      GuestMapper(
        dump: dump, memory: made.memory, excluded: Set(group.vcpus.flatMap(\.reservedFrames)).sorted(),
        zeroFrames: storage.zeroFrames, checksPlaces: checks)
    }
    let tables = mappers.reduce(0) { $0 &+ $1.memory.unreadTables }
    // Without slots there is no other word for where the guest's RAM is.
    if let limit = storage.tableLimit, tables > limit, groups.allSatisfy({ $0.memory?.isWhole == true }) {
      return uncounted(groups, mappers, tables)
    }
    let watch = GuestMapper.Watch(evidence: groups.flatMap(\.evidenceFrames), vmcoreinfo: vmcoreinfo)
    var result = Result(sharing: FrameSharing(limit: storage.sharing))
    var taken = 0
    for ((group, mapper), made) in zip(zip(groups, mappers), made) {
      do {
        var map = try mapper.map(
          watch, keeping: storage.extents, groups.count > 1 ? result.sharing : nil, owner: group.index,
          limit: max(0, storage.limit - taken), workers: workers)
        map.isChecked = checks || storage.hasFaults != nil
        if let memory = group.memory, memory.isWhole { map.note(memory.slots, isDevice: memory.isDevice) }
        if storage.keepsPages { taken += map.byteCount } else { map.dropPages() }
        result.guests.append(MappedGuest(group: group, mapper: mapper, map: map, join: made.join))
      } catch let error as GuestMapper.TooLarge {
        result.tooLarge.append((group.lowestRegion, error.limit))
      }
      result.sharing.endGuest()
      progress.advance(1)
    }
    return result
  }

  /// A guest's memory: by its slots; where these are not known, by its second-level tables and what can be joined with
  /// them.
  private func memory(of group: GroupedGuest) -> (memory: GuestMemory, join: BlockJoin.Outcome?) {
    guard let vmm = group.vmm else { return (GuestMemory(host: memory, roots: group.roots, slots: group.memory), nil) }
    let tables = group.roots.map { $0.map(in: memory) }
    var join: BlockJoin.Outcome?
    switch vmm {
    case .failure(let fault): join = BlockJoin.Outcome(fault: .tables(fault))
    case .success(var pages):
      pages.tableLimit = storage.joinLimit
      join = tables.first.map { BlockJoin.run($0, pages, workers.cancellation) }
    }
    return (GuestMemory(host: memory, tables: tables, joined: join), join)
  }

  /// The guests by their slots alone.
  private func uncounted(_ groups: [GroupedGuest], _ mappers: [GuestMapper], _ tables: UInt64) -> Result {
    var result = Result(sharing: FrameSharing(limit: 0))
    result.unreadTables = tables
    for (group, mapper) in zip(groups, mappers) {
      var map = GuestMap()
      map.isCounted = false
      map.freeze(absent: FrameBitmap())
      if let memory = group.memory { map.note(memory.slots, isDevice: memory.isDevice) }
      result.guests.append(MappedGuest(group: group, mapper: mapper, map: map))
      progress.advance(1)
    }
    return result
  }
}
