import Synchronization

/// What is being done, for a progress bar.
public enum ProgressStage: String, Sendable {
  case unwrap = "unwrapping"
  case scan = "scanning pages"
  case map = "walking guests' maps"
  case extract = "writing guests"

  /// Bytes of memory that one step stands for, where the steps are pages.
  public var bytesPerStep: UInt64? { self == .map ? nil : UInt64(pageSize) }
}

/// Tells whoever listens how far a stage has come. Safe to call from any thread.
public final class Progress: Sendable {
  private let listener: @Sendable (ProgressStage, _ done: UInt64, _ total: UInt64) -> Void
  private let done = Atomic<UInt64>(0)
  private let state = Mutex<(stage: ProgressStage, total: UInt64)>((.scan, 0))

  public init(_ listener: @escaping @Sendable (ProgressStage, UInt64, UInt64) -> Void) { self.listener = listener }
  public static let none = Progress { _, _, _ in }

  func begin(_ stage: ProgressStage, total: UInt64) {
    state.withLock { $0 = (stage, total) }
    done.store(0, ordering: .relaxed)
    listener(stage, 0, total)
  }

  func advance(_ count: UInt64) {
    let now = done.wrappingAdd(count, ordering: .relaxed).newValue
    let (stage, total) = state.withLock { $0 }
    listener(stage, now, total)
  }
}
