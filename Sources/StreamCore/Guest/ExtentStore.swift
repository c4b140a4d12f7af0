import Synchronization

/// Keeps the extents that the first walk of the guests' maps finds, as long as they fit; when they do not, the maps are
/// walked again window by window (Documentation/design.md §3.7). Safe to add to from any thread.
final class ExtentStore: Sendable {
  private struct State {
    var parts: [[Extent]] = []
    var count = 0
    var overflowed = false
  }
  /// Extents, 16 bytes each.
  let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = capacity }

  func add(_ extents: [Extent]) {
    state.withLock { state in
      guard !state.overflowed else { return }
      state.count += extents.count
      if state.count > capacity {
        state.overflowed = true
        state.parts = []
      } else {
        state.parts.append(extents)
      }
    }
  }

  /// All that was added is still here.
  var isWhole: Bool { state.withLock { !$0.overflowed } }

  /// All that was added, in no order; `nil` when it was too much. Whoever takes it owns it: nothing is left here.
  func take() -> [[Extent]]? {
    state.withLock { state in
      guard !state.overflowed else { return nil }
      state.overflowed = true
      defer { state.parts = [] }
      return state.parts
    }
  }
}
