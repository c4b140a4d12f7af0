/// A guest whose memory is mapped, before it is known which kernel ran in it.
struct MappedGuest: Sendable {
  let group: GroupedGuest
  /// Makes the map, and goes through it again.
  let mapper: GuestMapper
  var map: GuestMap
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
  /// Host frames that are the kernel's zero pages.
  var zeroFrames = FrameBitmap()
  /// For what tells which frames guests share, bytes.
  var sharing = 0
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
    let mappers = groups.map { group in
      GuestMapper(
        dump: dump, memory: GuestMemory(host: memory, roots: group.roots, slots: group.memory),
        excluded: Set(group.vcpus.flatMap(\.reservedFrames)).sorted(), zeroFrames: storage.zeroFrames)
    }
    let tables = mappers.reduce(0) { $0 &+ $1.memory.unreadTables }
    // Without slots there is no other word for where the guest's RAM is.
    if let limit = storage.tableLimit, tables > limit, groups.allSatisfy({ $0.memory?.isWhole == true }) {
      return uncounted(groups, mappers, tables)
    }
    let watch = GuestMapper.Watch(evidence: groups.flatMap(\.evidenceFrames), vmcoreinfo: vmcoreinfo)
    var result = Result(sharing: FrameSharing(limit: storage.sharing))
    var taken = 0
    for (group, mapper) in zip(groups, mappers) {
      do {
        var map = try mapper.map(
          watch, keeping: storage.extents, groups.count > 1 ? result.sharing : nil, owner: group.index,
          limit: max(0, storage.limit - taken), workers: workers)
        if let memory = group.memory, memory.isWhole { map.note(memory.slots, isDevice: memory.isDevice) }
        if storage.keepsPages { taken += map.byteCount } else { map.dropPages() }
        result.guests.append(MappedGuest(group: group, mapper: mapper, map: map))
      } catch let error as GuestMapper.TooLarge {
        result.tooLarge.append((group.lowestRegion, error.limit))
      }
      result.sharing.endGuest()
      progress.advance(1)
    }
    return result
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
