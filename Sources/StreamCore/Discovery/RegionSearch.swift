import Synchronization

/// Judges candidate frames whole, by content, against each layout whose revision id they carry (Documentation/design.md
/// §3.3, §3.4). Only marks are kept, whatever a guest fills its memory with.
struct RegionSearch: Sendable {
  /// What one layout makes of the candidates.
  struct LayoutResult: Sendable {
    let layout: Layout
    /// Frames whose content the layout explains.
    var accepted = FrameBitmap()
    /// Candidates that each rule kept out.
    var rejected: [RegionRule: UInt64] = [:]
  }

  /// A candidate that one rule kept out, for `list -v`.
  struct NearMiss: Sendable, Equatable {
    var address: HPA
    var layout: String
    var fault: RegionFault
  }

  var results: [LayoutResult]
  var candidates: UInt64 = 0
  /// The first few by address.
  var nearMisses: [NearMiss] = []
  private static let keptNearMisses = 64
  private static let framesAtOnce: UInt64 = 512

  static func run(
    _ candidates: FrameBitmap, layouts: [Layout], memory: HostMemory, workers: Workers
  ) throws -> RegionSearch {
    var pieces: [Range<UInt64>] = []
    for chunk in candidates.chunks {
      let start = chunk * FrameBitmap.framesPerChunk
      for piece in stride(from: start, to: start + FrameBitmap.framesPerChunk, by: Int(framesAtOnce)) {
        let frames = piece..<piece + framesAtOnce
        if candidates.rank(frames.upperBound) > candidates.rank(frames.lowerBound) { pieces.append(frames) }
      }
    }
    let whole = Mutex(RegionSearch(results: layouts.map { LayoutResult(layout: $0) }))
    let work = pieces
    try workers.forEach(work.count) { _, item in
      var part = RegionSearch(results: layouts.map { LayoutResult(layout: $0) })
      candidates.forEachRun(in: work[item]) { run in
        for frame in run { part.judge(frame, memory) }
      }
      let done = part
      whole.withLock { $0.add(done) }
    }
    return whole.withLock { search in
      for index in search.results.indices { search.results[index].accepted.freeze() }
      search.cutNearMisses()
      return search
    }
  }

  private mutating func judge(_ frame: UInt64, _ memory: HostMemory) {
    candidates += 1
    guard let page = memory.page(frame).page else { return }
    let revision = page.revisionID
    for index in results.indices {
      let layout = results[index].layout
      guard layout.revisionIDs.isEmpty || layout.revisionIDs.contains(revision) else { continue }
      switch RegionJudge(layout: layout, memory: memory).judge(page, at: HPA(frame: frame)) {
      case .guest: results[index].accepted.insert(frame)
      case .headerOnly, .shadow: break
      case .rejected(let fault):
        results[index].rejected[fault.rule, default: 0] += 1
        if nearMisses.count < Self.keptNearMisses {
          nearMisses.append(NearMiss(address: HPA(frame: frame), layout: layout.id, fault: fault))
        }
      }
    }
  }

  private mutating func add(_ other: RegionSearch) {
    candidates += other.candidates
    for index in results.indices {
      results[index].accepted.formUnion(other.results[index].accepted)
      results[index].rejected.merge(other.results[index].rejected, uniquingKeysWith: +)
    }
    nearMisses += other.nearMisses
    if nearMisses.count > 4 * Self.keptNearMisses { cutNearMisses() }
  }

  private mutating func cutNearMisses() {
    nearMisses.sort { ($0.address, $0.layout) < ($1.address, $1.layout) }
    nearMisses = Array(nearMisses.prefix(Self.keptNearMisses))
  }
}
