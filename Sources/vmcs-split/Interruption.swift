import Dispatch
import Glibc
import StreamCore
import Synchronization

/// SIGINT and SIGTERM: the first asks the run to stop, which removes its temporary files; a second one removes them at
/// once.
enum Interruption {
  private static let received = Atomic<Int32>(0)
  private static let queue = DispatchQueue(label: "vmcs-split.signals")

  /// The signal that came, 0 when none did.
  static var signal: Int32 { received.load(ordering: .relaxed) }

  /// Call once, early; keep the result as long as signals matter.
  static func watch(_ cancellation: Cancellation) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
      Glibc.signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        if received.exchange(number, ordering: .relaxed) != 0 {
          OutputFile.removeAllTemporaries()
          exit(128 + number)
        }
        cancellation.cancel()
      }
      source.resume()
      return source
    }
  }
}
