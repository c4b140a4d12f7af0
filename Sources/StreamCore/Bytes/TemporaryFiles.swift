import Glibc
import Synchronization

/// The temporary files that exist now, so that a signal can remove them.
final class TemporaryFiles: Sendable {
  /// The register of the process.
  static let shared = TemporaryFiles()
  /// Names tried at most: only files left behind by a killed process of the same number stand in the way.
  private static let attempts = 10_000

  private struct State {
    var paths: Set<String> = []
    var serial: UInt64 = 0
    var closed = false
  }
  private let state = Mutex(State())

  init() {}

  /// The temporary files that exist now, sorted.
  var paths: [String] { state.withLock { $0.paths.sorted() } }

  /// Removes every temporary file; `create` fails with ECANCELED from now on.
  func removeAll() {
    state.withLock { state in
      state.closed = true
      // Safe: the string ends in NUL and outlives the call.
      for path in state.paths { _ = unsafe unlink(path) }
      state.paths = []
    }
  }

  /// A new, hidden file beside `target`, for reading and writing, mode 0600. Registered before anyone else can act, so
  /// that none is forgotten. Errors name `target`.
  func create(for target: String, in directory: String) throws(SystemError) -> (descriptor: Int32, path: String) {
    try state.withLock { (state) throws(SystemError) in
      if state.closed { throw SystemError(call: "open", path: target, code: ECANCELED) }
      for _ in 0..<Self.attempts {
        state.serial += 1
        let path = "\(directory)/.vmcs-split-\(getpid())-\(state.serial).tmp"
        // Safe: the string ends in NUL and outlives the call.
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
          state.paths.insert(path)
          return (descriptor, path)
        }
        if errno != EEXIST && errno != EINTR { throw SystemError(call: "open", path: target, code: errno) }
      }
      throw SystemError(call: "open", path: target, code: EEXIST)
    }
  }

  func remove(_ path: String) {
    state.withLock { state in
      // Safe: the string ends in NUL and outlives the call.
      if state.paths.remove(path) != nil { _ = unsafe unlink(path) }
    }
  }

  func forget(_ path: String) { state.withLock { _ = $0.paths.remove(path) } }
}
