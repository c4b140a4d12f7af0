import Synchronization

/// Walks the second-level maps of one guest, their subtrees shared out among workers, and holds every leaf against the
/// dump.
struct GuestMapper: Sendable {
  let dump: any HostDump
  let memory: GuestMemory
  /// Host frames, ascending, that are no RAM of the guest although its map has them.
  let excluded: [UInt64]
  /// The host kernel's zero pages: what they hold is known, whether or not the dump has them.
  let zeroFrames: FrameBitmap
  /// Whether the bytes of each page can be had is looked up, too.
  let checksPlaces: Bool

  /// What a map is looked through for while it is made.
  struct Watch: Sendable {
    /// Host frames that the evidence for guests stands in.
    let evidence: FrameBitmap
    /// Host frames whose pages begin as VMCOREINFO does.
    let vmcoreinfo: FrameBitmap
    /// Both: nearly every run is in neither.
    fileprivate let frames: FrameBitmap

    init(evidence: [UInt64] = [], vmcoreinfo: FrameBitmap = FrameBitmap()) {
      var marks = FrameBitmap()
      for frame in evidence { marks.insert(frame) }
      self.evidence = marks
      self.vmcoreinfo = vmcoreinfo
      var both = marks.union(vmcoreinfo)
      both.freeze()
      frames = both
    }
  }

  /// A map whose bitmaps take more memory than they may: a guest can name the same RAM at any number of its addresses.
  struct TooLarge: Error { var limit: Int }

  /// Makes the map.
  /// - Parameters:
  ///   - store: takes the extents whose bytes the dump holds, as those of `owner`.
  ///   - sharing: takes the frames.
  ///   - limit: bytes that the map's bitmaps may take.
  /// - Throws: `TooLarge`.
  func map(
    _ watch: Watch, keeping store: ExtentStore?, _ sharing: FrameSharing? = nil, owner: Int, limit: Int,
    workers: Workers
  ) throws -> GuestMap {
    var map = GuestMap()
    var missing = FrameBitmap()
    for (index, walk) in memory.maps.enumerated() {
      map.counts.add(walk.counts)
      let subtrees = walk.subtrees(atLeast: workers.count)
      let before = index == 0 ? nil : map.present.union(missing)
      let merged = Mutex(Part())
      let used = try workers.forEach(subtrees.count) { _, item in
        var found = Found(before: before, owner: owner, store: store, sharing: sharing) { part in
          let size = merged.withLock { merged in
            merged.add(part)
            return merged.byteCount
          }
          if size > limit { throw TooLarge(limit: limit) }
        }
        let counts = try walk.walk(
          subtrees[item], absent: { frames, reason in try found.add(absent: frames, reason) }
        ) { run in try take(run, watch, into: &found) }
        dump.input.counters.add(found.asked, .descriptors)
        try found.end(counts)
      }
      map.workers = max(map.workers, used)
      merged.withLock { part in
        map.add(part, supplement: index > 0)
        missing.formUnion(part.missing)
      }
    }
    map.freeze(absent: missing)
    try map.faults.explain(by: dump)
    return map
  }

  private func take(_ run: MapRun, _ watch: Watch, into found: inout Found) throws {
    found.part.look(at: run, watch)
    try lacking(run, in: found.before) { run in
      try forEachPresence(of: run) { piece, presence in
        try found.add(piece, presence)
        if checksPlaces, presence == .dump(.stored) { try found.check(piece, in: dump) }
      }
    }
  }

  /// The same, its tables read through another view of the host's memory.
  func reading(from host: any PhysicalMemory) -> GuestMapper {
    GuestMapper(
      dump: dump, memory: memory.reading(from: host), excluded: excluded, zeroFrames: zeroFrames,
      checksPlaces: checksPlaces)
  }

  /// Walks all roots again and hands over the host frames of their runs, in no order. `body` is called from any worker.
  func forEachRun(_ workers: Workers, _ body: @escaping @Sendable ([Range<UInt64>]) -> Void) throws {
    for walk in memory.maps {
      let subtrees = walk.subtrees(atLeast: workers.count)
      try workers.forEach(subtrees.count) { _, item in
        var runs = FrameRunBuffer(body)
        _ = walk.walk(subtrees[item]) { run in runs.add(run) }
        runs.flush()
      }
    }
  }

  /// Walks all roots again and hands over the extents, in no order, whose host and guest frames lie in the ranges and
  /// whose bytes the dump holds. `body` is called from any worker.
  func forEachExtent(
    host: Range<UInt64>, guest: Range<UInt64>, of map: GuestMap, owner: Int, workers: Workers,
    _ body: @escaping @Sendable ([Extent]) throws -> Void
  ) throws {
    for (index, walk) in memory.maps.enumerated() {
      let subtrees = walk.subtrees(atLeast: workers.count)
      let supplement = index == 0 ? nil : map.supplements[index]
      if supplement?.count == 0 { continue }
      try workers.forEach(subtrees.count) { _, item in
        var extents = ExtentBuffer(body)
        _ = try walk.walk(subtrees[item]) { run in
          guard run.hostFrame < host.upperBound, run.hostFrame + run.count > host.lowerBound else { return }
          try Extent.cut(run, owner: owner) { extent in
            guard let extent = extent.clipped(host: host, guest: guest) else { return }
            let piece = MapRun(gpaFrame: extent.guest, hostFrame: extent.host, count: extent.count)
            try common(piece, with: supplement) { run in
              try forEachPresence(of: run) { piece, presence in
                if presence.isHeld { try extents.add(piece, owner: owner) }
              }
            }
          }
        }
        try extents.flush()
      }
    }
  }

  /// The parts of a run that differ in what the dump has of them.
  private func forEachPresence(of run: MapRun, _ body: (MapRun, Backing) throws -> Void) rethrows {
    guard zeroFrames.count > 0 else { return try forEachStored(of: run, body) }
    if run.count == 1 {
      return zeroFrames.contains(run.hostFrame) ? try body(run, .zero) : try forEachStored(of: run, body)
    }
    let zeros = zeroFrames.rank(run.hostFrame + run.count) - zeroFrames.rank(run.hostFrame)
    guard zeros > 0 else { return try forEachStored(of: run, body) }
    if zeros == run.count { return try body(run, .zero) }
    var start = run.hostFrame
    while start < run.hostFrame + run.count {
      let (isZero, end) = zeroFrames.sameRun(from: start, limit: run.hostFrame + run.count)
      var piece = run
      piece.gpaFrame += start - run.hostFrame
      piece.hostFrame = start
      piece.count = end - start
      if isZero { try body(piece, .zero) } else { try forEachStored(of: piece, body) }
      start = end
    }
  }

  private func forEachStored(of run: MapRun, _ body: (MapRun, Backing) throws -> Void) rethrows {
    if run.hostFrame >= SwapEntry.firstFrame { return try body(run, .compressed) }
    let isCut = excluded.contains { $0 >= run.hostFrame && $0 - run.hostFrame < run.count }
    var start: UInt64 = 0
    while start < run.count {
      let frame = run.hostFrame + start
      var presence: Presence
      var end = start + 1
      if isCut && excluded.contains(frame) {
        presence = .unknown
      } else if run.count == 1 {
        presence = dump.presence(frame)
      } else {
        let limit = excluded.first { $0 > frame }.map { min($0, run.hostFrame + run.count) }
        let same = dump.presenceRun(frame, limit: limit ?? run.hostFrame + run.count)
        presence = same.presence
        end = max(end, same.end - run.hostFrame)
      }
      var piece = run
      piece.gpaFrame += start
      piece.hostFrame = frame
      piece.count = end - start
      try body(piece, .dump(presence))
      start = end
    }
  }

  /// The parts of a run that the roots before this one lack: the roots of one guest map the same memory, but for SMM's
  /// own.
  private func lacking(_ run: MapRun, in before: FrameBitmap?, _ body: (MapRun) throws -> Void) rethrows {
    guard let before else { return try body(run) }
    try forEachSame(run, before) { piece, isIn in if !isIn { try body(piece) } }
  }

  private func common(_ run: MapRun, with supplement: FrameBitmap?, _ body: (MapRun) throws -> Void) rethrows {
    guard let supplement else { return try body(run) }
    try forEachSame(run, supplement) { piece, isIn in if isIn { try body(piece) } }
  }

  private func forEachSame(_ run: MapRun, _ frames: FrameBitmap, _ body: (MapRun, Bool) throws -> Void) rethrows {
    var start: UInt64 = 0
    while start < run.count {
      let (isIn, end) = frames.sameRun(from: run.gpaFrame + start, limit: run.gpaFrame + run.count)
      let count = end - run.gpaFrame - start
      var piece = run
      piece.gpaFrame += start
      piece.hostFrame += start
      piece.count = count
      try body(piece, isIn)
      start += count
    }
  }
}

/// What stands behind a run of guest frames.
private enum Backing: Equatable {
  /// The host kernel's zero page.
  case zero
  case dump(Presence)
  /// Pages that the host's kernel keeps compressed, and the dump has what they are made of.
  case compressed

  /// Its bytes can be had.
  var isHeld: Bool { self == .zero || self == .dump(.stored) || self == .compressed }
  /// RAM that is not everybody's.
  var isOwn: Bool { self != .zero && self != .dump(.unknown) }
}

/// What a worker finds in one subtree.
private struct Found {
  /// What the roots before this one map.
  let before: FrameBitmap?
  var part = Part()
  /// Bytes of the dump that were asked for.
  private(set) var asked = 0
  private let owner: Int
  private var extents: ExtentBuffer?
  private var frames: FrameRunBuffer?
  private let merge: (Part) throws -> Void

  init(
    before: FrameBitmap?, owner: Int, store: ExtentStore?, sharing: FrameSharing?,
    merge: @escaping (Part) throws -> Void
  ) {
    self.before = before
    self.owner = owner
    extents = store.map { store in ExtentBuffer { store.add($0) } }
    frames = sharing.map { sharing in FrameRunBuffer { sharing.add($0) } }
    self.merge = merge
  }

  mutating func add(_ run: MapRun, _ backing: Backing) throws {
    part.add(run, backing)
    if backing.isHeld { try extents?.add(run, owner: owner) }
    if backing.isOwn { frames?.add(run) }
    try mergeIfFull()
  }

  mutating func add(absent frames: Range<UInt64>, _ reason: AbsentReason) throws {
    part.add(absent: frames, reason)
    try mergeIfFull()
  }

  /// Looks up whether the bytes of a run that the dump has can be had.
  mutating func check(_ run: MapRun, in dump: any HostDump) throws {
    asked += try dump.forEachFault(in: run.hostFrame..<run.hostFrame + run.count) { frame, kind in
      part.faults.note(
        PageFault(kind, frame: frame, offset: 0, reason: ""), at: run.gpaFrame + (frame - run.hostFrame))
    }
  }

  private mutating func mergeIfFull() throws {
    guard part.byteCount >= Part.room else { return }
    try merge(part)
    part = Part()
  }

  mutating func end(_ counts: MapCounts) throws {
    part.counts.add(counts)
    try extents?.flush()
    frames?.flush()
    try merge(part)
  }
}

/// Host frames of runs, handed on some thousands at a time.
private struct FrameRunBuffer {
  private let hand: @Sendable ([Range<UInt64>]) -> Void
  private var runs: [Range<UInt64>] = []

  init(_ hand: @escaping @Sendable ([Range<UInt64>]) -> Void) { self.hand = hand }

  mutating func add(_ run: MapRun) {
    runs.append(run.hostFrame..<run.hostFrame &+ run.count)
    if runs.count >= ExtentBuffer.capacity { flush() }
  }

  mutating func flush() {
    hand(runs)
    runs = []
  }
}

/// What the subtrees of one root map; the sum does not depend on their order.
private struct Part: Sendable {
  /// Bytes of bitmaps that a worker keeps to itself.
  static let room = 4 << 20
  var present = FrameBitmap()
  /// Mapped RAM whose bytes the dump does not hold.
  var missing = FrameBitmap()
  /// Mapped frames that are no RAM.
  var devices = FrameBitmap()
  var absent: [AbsentReason: UInt64] = [:]
  var sources: [MapSource: UInt64] = [:]
  var zeroPages: UInt64 = 0
  var reached: Set<UInt64> = []
  var places: [UInt64] = []
  var counts = MapCounts()
  var faults = GuestFaults()

  var byteCount: Int { present.byteCount + missing.byteCount + devices.byteCount }

  mutating func look(at run: MapRun, _ watch: GuestMapper.Watch) {
    if run.count == 1 {
      if watch.frames.contains(run.hostFrame) { note(run.hostFrame, at: run.gpaFrame, watch) }
      return
    }
    let frames = run.hostFrame..<run.hostFrame + run.count
    guard watch.frames.rank(frames.upperBound) > watch.frames.rank(frames.lowerBound) else { return }
    watch.frames.forEachRun(in: frames) { marked in
      for frame in marked { note(frame, at: run.gpaFrame + (frame - run.hostFrame), watch) }
    }
  }

  private mutating func note(_ frame: UInt64, at guestFrame: UInt64, _ watch: GuestMapper.Watch) {
    if watch.evidence.contains(frame) { reached.insert(frame) }
    if watch.vmcoreinfo.contains(frame) { note(place: guestFrame) }
  }

  /// A guest can fill its memory with look-alikes: the first are kept, whatever the order they come in.
  private mutating func note(place guestFrame: UInt64) {
    places.append(guestFrame)
    if places.count >= 2 * VMCoreInfoSearch.keptPlaces { places = VMCoreInfoSearch.kept(places) }
  }

  mutating func add(_ run: MapRun, _ backing: Backing) {
    let frames = run.gpaFrame..<run.gpaFrame + run.count
    switch backing {
    case .dump(.unknown):
      devices.insert(frames)
      return
    case .zero:
      zeroPages += run.count
      present.insert(frames)
    case .dump(.stored), .compressed: present.insert(frames)
    case .dump(.filtered): add(absent: frames, .filtered)
    case .dump(.notStored): add(absent: frames, .not_stored)
    case .dump(.lost): add(absent: frames, .lost)
    }
    sources[run.source, default: 0] += run.count
  }

  mutating func add(absent frames: Range<UInt64>, _ reason: AbsentReason) {
    absent[reason, default: 0] += UInt64(frames.count)
    missing.insert(frames)
  }

  mutating func add(_ other: Part) {
    present.formUnion(other.present)
    missing.formUnion(other.missing)
    devices.formUnion(other.devices)
    absent.merge(other.absent, uniquingKeysWith: +)
    sources.merge(other.sources, uniquingKeysWith: +)
    zeroPages += other.zeroPages
    reached.formUnion(other.reached)
    places = VMCoreInfoSearch.kept(places + other.places)
    counts.add(other.counts)
    faults.add(other.faults)
  }
}

extension GuestMap {
  fileprivate mutating func add(_ part: Part, supplement: Bool) {
    supplements.append(supplement ? part.present : FrameBitmap())
    present.formUnion(part.present)
    devices.formUnion(part.devices)
    absent.merge(part.absent, uniquingKeysWith: +)
    sources.merge(part.sources, uniquingKeysWith: +)
    zeroPages += part.zeroPages
    reached += part.reached.sorted()
    places += part.places
    counts.add(part.counts)
    faults.add(part.faults)
  }
}
