/// A guest's memory as its EPT maps it: which guest frames, backed by which host frames, and what of them the dump
/// holds.
public struct GuestMap: Sendable {
  /// Mapped guest frames of RAM whose bytes the dump holds, with their host frames.
  public var extents: [Extent] = []
  /// Guest frames of RAM that are mapped.
  public var known = FrameBitmap()
  /// Those whose bytes the dump holds.
  public var present = FrameBitmap()
  /// Leaves to frames that the host dump does not know as RAM, in 4 KiB pages.
  public var devicePages: UInt64 = 0
  /// Mapped RAM whose bytes the dump does not hold, by reason.
  public var absent: [AbsentReason: UInt64] = [:]
  /// What the walks of all roots met.
  public var counts = EPTCounts()
  /// Workers that shared out the walk of one root.
  public var workers = 0
  /// Host frames of others' evidence that this map reaches.
  var reached: [UInt64] = []

  /// Blocks of 2 MiB in which at least one page of RAM is mapped, joined; addresses, the end exclusive. Pages that a
  /// guest never touched have no entry, so single pages do not tell where its RAM is.
  public var ram: [Range<UInt64>] {
    let block: UInt64 = 2 << 20
    var ranges: [Range<UInt64>] = []
    known.forEachRun { run in
      let start = run.lowerBound << 12 & ~(block - 1)
      let end = (run.upperBound << 12 + block - 1) & ~(block - 1)
      if let last = ranges.last, start <= last.upperBound {
        ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, end)
      } else {
        ranges.append(start..<end)
      }
    }
    return ranges
  }
}

/// Why a mapped page is not in the output (design §1).
public enum AbsentReason: String, Sendable, CaseIterable {
  case filtered
  case not_stored
  case lost
}

/// Walks the EPT roots of one guest, its subtrees shared out among workers, and holds every leaf against the dump.
struct GuestMapper {
  let dump: any HostDump
  let memory: HostMemory
  /// Host frames that are no RAM of a guest although its EPT has them: the APIC access page.
  let excluded: Set<UInt64>
  /// Host frames, ascending, that the evidence for other guests stands in.
  let guarded: [UInt64]

  /// What one subtree maps, in order of guest address.
  private struct Part: Sendable {
    var runs: [(run: EPTRun, presence: Presence)] = []
    var reached: [UInt64] = []
    var counts = EPTCounts()
  }

  /// - Parameter roots: the one that counts where two disagree comes first.
  func map(_ roots: [EPTPointer], workers: Workers, progress: Progress) throws -> GuestMap {
    var map = GuestMap()
    for (index, root) in roots.enumerated() {
      let walk = EPTWalk(memory: memory, pointer: root)
      map.counts.add(walk.counts)
      let subtrees = walk.subtrees(atLeast: workers.count)
      let parts = PartList<Part>(count: subtrees.count)
      let used = try workers.forEach(subtrees.count) { _, item in
        var part = Part()
        part.counts = walk.walk(subtrees[item]) { run in visit(run, &part) }
        parts.put(part, at: item)
      }
      map.workers = max(map.workers, used)
      for part in parts.take() {
        map.counts.add(part.counts)
        map.reached += part.reached
        for (run, presence) in part.runs {
          if index == 0 { add(run, presence, to: &map) } else { addRest(of: run, presence, to: &map) }
        }
      }
    }
    map.known.freeze()
    map.present.freeze()
    return map
  }

  /// Splits a run where its frames differ in what the dump has of them.
  private func visit(_ run: EPTRun, _ part: inout Part) {
    var index = guarded.partitioningIndex { $0 >= run.hostFrame }
    while index < guarded.count, guarded[index] - run.hostFrame < run.count {
      part.reached.append(guarded[index])
      index += 1
    }
    var start: UInt64 = 0
    var presence = presence(run.hostFrame)
    for offset in 1...max(1, run.count) {
      let next = offset < run.count ? self.presence(run.hostFrame &+ offset) : nil
      if next == presence { continue }
      part.runs.append(
        (EPTRun(gpaFrame: run.gpaFrame + start, hostFrame: run.hostFrame + start, count: offset - start), presence))
      start = offset
      if let next { presence = next }
    }
  }

  private func presence(_ frame: UInt64) -> Presence {
    excluded.contains(frame) ? .unknown : dump.presence(frame)
  }

  private func add(_ run: EPTRun, _ presence: Presence, to map: inout GuestMap) {
    let frames = run.gpaFrame..<run.gpaFrame + run.count
    switch presence {
    case .unknown:
      map.devicePages += run.count
      return
    case .stored:
      map.present.insert(frames)
      let extent = Extent(host: run.hostFrame, guest: run.gpaFrame, count: run.count, owner: 0)
      if map.extents.last?.join(extent) == true {
        map.extents[map.extents.count - 1].count += run.count
      } else {
        map.extents.append(extent)
      }
    case .filtered: map.absent[.filtered, default: 0] += run.count
    case .notStored: map.absent[.not_stored, default: 0] += run.count
    }
    map.known.insert(frames)
  }

  /// A further root adds what the ones before it lack: the roots of one guest map the same memory, but for SMM's own.
  private func addRest(of run: EPTRun, _ presence: Presence, to map: inout GuestMap) {
    for offset in 0..<run.count where !map.known.contains(run.gpaFrame + offset) {
      add(EPTRun(gpaFrame: run.gpaFrame + offset, hostFrame: run.hostFrame + offset, count: 1), presence, to: &map)
    }
  }
}

extension Extent {
  /// Whether `next` continues this extent on both sides.
  func join(_ next: Extent) -> Bool {
    guest &+ count == next.guest && host &+ count == next.host && owner == next.owner
  }
}

extension [UInt64] {
  /// Index of the first element that satisfies `belongs`, in an array that is sorted by it.
  func partitioningIndex(where belongs: (UInt64) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
