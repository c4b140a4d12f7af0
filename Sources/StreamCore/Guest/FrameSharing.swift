import Synchronization

/// What a guest has in common with others.
struct SharedFrames: Sendable, Equatable {
  /// Host frames that others map, too.
  var frames: UInt64 = 0
  /// Those others, by their places among all guests.
  var others: Set<Int> = []
}

/// Finds the host frames that several guests map: what KSM merged, and memory that VMMs share on purpose. The kernel's zero
/// pages are everybody's and do not count. Safe to add to from any thread.
///
/// While guests are mapped, a bit for each frame says that one has it, and another that two have. Where there are such,
/// the maps are walked once more, to learn whose they are.
final class FrameSharing: Sendable {
  private struct State {
    /// Of the guest that is being mapped, of those before it, and of two.
    var own = FrameBitmap()
    var seen = FrameBitmap()
    var shared = FrameBitmap()
    /// All had room.
    var isWhole = true

    mutating func settle(limit: Int) {
      guard own.byteCount + seen.byteCount + shared.byteCount > limit else { return }
      self = State()
      isWhole = false
    }
  }

  /// Bytes that this may take.
  private let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = limit }

  /// Frames of the guest that is being mapped.
  func add(_ runs: [Range<UInt64>]) {
    state.withLock { state in
      guard state.isWhole else { return }
      for run in runs { state.own.insert(run) }
      state.settle(limit: limit)
    }
  }

  /// The next guest's frames follow.
  func endGuest() {
    state.withLock { state in
      state.shared.formUnion(state.own.intersection(state.seen))
      state.seen.formUnion(state.own)
      state.own = FrameBitmap()
      state.settle(limit: limit)
    }
  }

  /// What each guest shares with the others of these.
  /// - Returns: by place among all guests; `nil`: it would take too much memory to tell.
  func settle(_ guests: [MappedGuest], _ workers: Workers) throws -> [Int: SharedFrames]? {
    let shared = state.withLock { state in
      defer { state = State() }
      return state.isWhole ? state.shared : nil
    }
    guard var shared else { return nil }
    var found = Dictionary(uniqueKeysWithValues: guests.map { ($0.group.index, SharedFrames()) })
    guard shared.count > 0 else { return found }
    shared.freeze()
    guard UInt64(shared.byteCount) + shared.count * FrameOwners.bytesPerFrame <= UInt64(limit) else { return nil }
    let frames = shared
    let owners = Mutex(FrameOwners(frames: Int(frames.count)))
    for guest in guests {
      try guest.mapper.forEachRun(workers) { runs in
        owners.withLock { owners in
          for run in runs {
            frames.forEachRun(in: run) { part in
              let first = Int(frames.rank(part.lowerBound))
              owners.add(guest.group.index, at: first..<first + part.count)
            }
          }
        }
      }
    }
    guard let sets = owners.withLock({ $0.sets }) else { return nil }
    for (members, count) in sets where members.count > 1 {
      for member in members {
        found[member]?.frames += count
        found[member]?.others.formUnion(members.filter { $0 != member })
      }
    }
    return found
  }
}

/// Which guests map each of some frames, by the frames' places in a list of them. Many frames have the same owners.
private struct FrameOwners: Sendable {
  static let bytesPerFrame: UInt64 = 4
  /// Combinations of guests at most.
  private static let limit = 1 << 14

  private struct Step: Hashable {
    var set: UInt32
    var guest: Int
  }

  private var setOf: [UInt32]
  private var members: [[Int]] = [[]]
  private var steps: [Step: UInt32] = [:]
  private var isWhole = true

  init(frames: Int) { setOf = Array(repeating: 0, count: frames) }

  mutating func add(_ guest: Int, at places: Range<Int>) {
    guard isWhole else { return }
    for place in places { setOf[place] = adding(guest, to: setOf[place]) }
  }

  private mutating func adding(_ guest: Int, to set: UInt32) -> UInt32 {
    if members[Int(set)].last == guest { return set }
    if let known = steps[Step(set: set, guest: guest)] { return known }
    guard members.count < Self.limit else {
      isWhole = false
      return set
    }
    // Guests come one after the other, so that the last one is the only one that can come again.
    let next = UInt32(members.count)
    members.append(members[Int(set)] + [guest])
    steps[Step(set: set, guest: guest)] = next
    return next
  }

  /// The combinations, each with the number of its frames; `nil`: they are too many.
  var sets: [(members: [Int], count: UInt64)]? {
    guard isWhole else { return nil }
    var counts = Array(repeating: UInt64(0), count: members.count)
    for set in setOf { counts[Int(set)] += 1 }
    return zip(members, counts).filter { $1 > 0 }.map { (members: $0, count: $1) }
  }
}
