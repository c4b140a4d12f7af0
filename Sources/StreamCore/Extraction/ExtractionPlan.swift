import Synchronization

/// What goes from the host to its guests, in the order of the host's frames, cut into windows whose extents fit into
/// memory (Documentation/design.md §3.7).
struct ExtractionPlan: Sendable {
  /// A part of the host's frames, and the guest frames of it that are meant: all, but where a few host frames back more
  /// guest frames than fit.
  struct Window: Sendable, Equatable {
    var frames: Range<UInt64>
    var guestFrames: Range<UInt64> = 0..<UInt64.max

    /// Other windows have the same host frames, for other guest frames.
    var isPart: Bool { guestFrames != 0..<UInt64.max }
  }

  let windows: [Window]
  private let guests: [MappedGuest]
  private let kept: ExtentStore?
  private let capacity: Int
  private let workers: Workers

  /// - Parameters:
  ///   - guests: those that are wanted.
  ///   - kept: the extents that the first walk found, if it could keep them.
  ///   - capacity: extents of one window, which stand in memory twice while they are sorted.
  ///   - memory: what the maps are read through when they are walked again.
  init(
    _ guests: [MappedGuest], kept: ExtentStore?, capacity: Int, memory: any PhysicalMemory, workers: Workers
  ) throws {
    self.guests = guests.map { guest in
      MappedGuest(group: guest.group, mapper: guest.mapper.reading(from: memory), map: guest.map)
    }
    self.kept = kept
    self.capacity = max(1, capacity)
    self.workers = workers
    if kept?.isWhole == true {
      windows = [Window(frames: 0..<UInt64.max)]
    } else {
      let maps = GuestMaps(guests: self.guests, workers: workers)
      windows = try WindowCutter(maps: maps, capacity: self.capacity).windows()
    }
  }

  /// The steps of one window.
  func steps(of window: Window) throws -> PlanSteps {
    let owners = Set(guests.map(\.group.index))
    if let parts = kept?.take() { return PlanSteps(parts, owners: owners) }
    let parts = Mutex<[[Extent]]>([])
    try GuestMaps(guests: guests, workers: workers).forEachExtent(in: window) { extents in
      parts.withLock { $0.append(extents) }
    }
    return PlanSteps(parts.withLock { $0 }, owners: owners)
  }
}

/// The maps of the guests that are wanted, to be walked once more.
struct GuestMaps: Sendable {
  let guests: [MappedGuest]
  let workers: Workers

  /// Hands over the extents of a window, in no order, from any worker.
  func forEachExtent(
    in window: ExtractionPlan.Window, _ body: @escaping @Sendable ([Extent]) throws -> Void
  ) throws {
    for guest in guests {
      try guest.mapper.forEachExtent(
        host: window.frames, guest: window.guestFrames, of: guest.map, owner: guest.group.index, workers: workers, body)
    }
  }
}
