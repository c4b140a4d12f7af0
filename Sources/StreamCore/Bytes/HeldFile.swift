import CLinux
import Glibc
import Synchronization

/// A file that is not freed as long as it is held, whatever becomes of its name. It is neither read nor written.
final class HeldFile: Sendable {
  /// -1: let go.
  private let descriptor: Atomic<Int32>

  /// - Returns: `nil`: nothing carries the name in the directory, or there is no descriptor left.
  init?(_ directory: Int32, _ name: String) {
    // Safe: the string outlives the call.
    let file = retried { unsafe clinux_hold(directory, name) }
    guard file >= 0 else { return nil }
    descriptor = Atomic(file)
  }

  deinit { letGo() }

  /// If no name is left, what it takes is freed now.
  func letGo() {
    let file = descriptor.exchange(-1, ordering: .relaxed)
    if file >= 0 { _ = close(file) }
  }
}
