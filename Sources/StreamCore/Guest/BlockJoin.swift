/// Finds the blocks of a guest's memory in its VMM, where the host's kernel does not tell the slots: what the second-level
/// tables map (guest frame → host frame) joined with the VMM's page tables (page → host frame).
///
/// KVM maps a guest frame to what the VMM has at the slot's address, so each mapped frame is somewhere among the VMM's
/// pages, at the distance of its block. A frame that the VMM maps once therefore tells the distance for certain, whatever
/// the guest writes, gives back, or lets KSM merge with pages of others. Where all frames have several places, that of
/// the block is one of them: what all agree on is as certain, and the rest is left out.
/// Source: Documentation/design.md §3.6.
struct BlockJoin {
  /// Frames that must confirm a block.
  static let enough = 16
  /// Walks of the VMM's page tables at most, and places that are tried after each.
  private static let rounds = 8
  private static let candidates = 64
  private static let blockLimit = 4096

  /// What came of it.
  struct Outcome: Sendable {
    /// The blocks, in order of guest frames, disjoint; each ends where frames confirm it.
    var slots: [MemorySlot] = []
    /// The VMM's memory; `nil`: not known.
    var pages: ProcessPages?
    /// Frames that the tables map between those of a block, and that the VMM has elsewhere.
    var contradicting = MapCounts.Oddity()
    /// Pages for which the VMM has two places that do not agree.
    var tied = MapCounts.Oddity()
    /// Why there are no blocks, or not all.
    var fault: Fault?
  }

  enum Fault: Error, Equatable, Sendable {
    case tables(VMMTablesFault)
    case tooManyTables(UInt64)
    case lostTables(UInt64)
    case tooManyBlocks(Int)
    case cancelled
  }

  private let tables: any SecondLevelTables
  private let pages: ProcessPages
  private let cancellation: Cancellation
  private var outcome = Outcome()
  /// Guest frames that contradict a block.
  private var odd = FrameBitmap()

  /// - Parameter tables: the root's that most vCPUs use: others may be those of system management mode.
  static func run(
    _ tables: any SecondLevelTables, _ pages: ProcessPages, _ cancellation: Cancellation
  ) -> Outcome {
    var join = BlockJoin(tables, pages, cancellation)
    do throws(Fault) { try join.find() } catch { join.outcome.fault = error }
    var outcome = join.outcome
    join.odd.freeze()
    join.odd.forEachRun { range in
      for frame in range where !outcome.slots.holds(frame) { outcome.contradicting.note(frame, 1) }
    }
    return outcome
  }

  private init(_ tables: any SecondLevelTables, _ pages: ProcessPages, _ cancellation: Cancellation) {
    self.tables = tables
    self.pages = pages
    self.cancellation = cancellation
    outcome.pages = pages
    outcome.pages?.tableLimit = .max
  }

  /// Each round asks for what those before it do not explain, so that small blocks show beside large ones.
  private mutating func find() throws(Fault) {
    // The VMM has about as many.
    guard tables.unreadTables <= pages.tableLimit else { throw .tooManyTables(pages.tableLimit) }
    for round in 0..<Self.rounds {
      let sample = AnchorSample(of: tables, outside: outcome.slots, cancellation)
      guard sample.anchors.count >= (round == 0 ? Self.enough : 1) else { return }
      let found = outcome.slots
      let places = try AnchorPlaces(of: sample.anchors, in: pages, cancellation)
      for candidate in candidates(for: sample, places) { try take(candidate) }
      if sample.isWhole || outcome.slots == found { return }
    }
  }

  /// Those that enough anchors name, or that a block has already, the certain before the others, the most frequent first.
  private func candidates(for sample: AnchorSample, _ places: AnchorPlaces) -> [BlockCandidate] {
    var evidence: [[UInt64]: [UInt64]] = [:]
    for anchor in sample.anchors {
      let deltas = places.deltas(of: anchor)
      if !deltas.isEmpty { evidence[deltas, default: []].append(anchor.guest) }
    }
    let known = Set(outcome.slots.map { [$0.delta] })
    let all = evidence.filter { $0.value.count >= Self.enough || known.contains($0.key) }
      .map { BlockCandidate(deltas: $0.key, evidence: $0.value.sorted()) }
    let ordered = all.sorted {
      ($0.deltas.count, $1.evidence.count, $0.evidence[0]) < ($1.deltas.count, $0.evidence.count, $1.evidence[0])
    }
    return Array(ordered.prefix(Self.candidates))
  }

  private mutating func take(_ candidate: BlockCandidate) throws(Fault) {
    guard let pages = outcome.pages else { return }
    guard !cancellation.isCancelled else { throw .cancelled }
    var candidate = candidate
    candidate.evidence.removeAll { outcome.slots.holds($0) }
    // A block that a sample showed has its ends, and what lies beside it, by the next.
    let known = outcome.slots.filter { [$0.delta] == candidate.deltas }
    let others = outcome.slots.filter { [$0.delta] != candidate.deltas }
    var chain = BlockChain(tables: tables, pages: pages, candidate: candidate, known: known.map(\.frames))
    var slots = others
    for block in chain.blocks(between: others) {
      for piece in chain.agreed(in: block) {
        guard slots.count < Self.blockLimit else { throw .tooManyBlocks(Self.blockLimit) }
        guard let slot = MemorySlot(piece, page: piece.lowerBound &+ candidate.deltas[0]) else { continue }
        slots.insert(slot, at: slots.partitioningIndex { $0.frames.lowerBound > piece.lowerBound })
      }
    }
    outcome.slots = slots
    if slots.count > others.count {
      for range in chain.contradicting { odd.insert(range) }
    }
    outcome.tied.add(chain.tied)
  }
}

extension MemorySlot {
  /// - Parameter page: of the VMM, that the first frame is.
  fileprivate init?(_ frames: Range<UInt64>, page: UInt64) {
    guard page < 1 << 44 else { return nil }
    self.init(gfn: frames.lowerBound, pages: UInt64(frames.count), hva: page << 12, flags: 0, id: 0)
  }

  /// How far its pages are from its guest frames.
  fileprivate var delta: UInt64 { hva >> 12 &- frames.lowerBound }
}

extension BlockJoin.Fault: CustomStringConvertible {
  var description: String {
    switch self {
    case .tables(let fault): "the page tables of its VMM are not known: \(fault)"
    case .tooManyTables(let limit): "the page tables of its VMM are more than \(limit)"
    case .lostTables(let count): "\(count) of the page tables of its VMM are not in the dump, or damaged"
    case .tooManyBlocks(let limit): "it has more than \(limit) blocks"
    case .cancelled: "the run was ended"
    }
  }
}
