import CLinux
import Glibc

/// An open file with one owner, read by offset, so that any number of threads may share it.
public final class InputFile: Sendable {
  /// Path as the user gave it.
  public let path: String
  /// Bytes, when it was opened.
  public let size: UInt64
  /// Bytes asked for so far, by purpose.
  public let counters = ReadCounters()
  private let descriptor: Int32

  public init(path: String) throws(SystemError) {
    self.path = path
    // O_NONBLOCK: a FIFO without a writer fails at lseek instead of hanging here; to files it means nothing.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 {
      size = 0
      throw SystemError(call: "open", path: path, code: errno)
    }
    let end = lseek(descriptor, 0, SEEK_END)
    size = end < 0 ? 0 : UInt64(end)
    if end < 0 {
      throw SystemError(call: "lseek", path: path, code: errno)
    }
  }

  deinit { if descriptor >= 0 { _ = close(descriptor) } }

  /// Up to `count` bytes from `offset`; fewer only at the end of the file.
  public func read(at offset: UInt64, count: Int, for purpose: ReadPurpose) throws(SystemError) -> [UInt8] {
    counters.add(count, purpose)
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
      do throws(SystemError) {
        // Safe: the buffer holds `count` bytes.
        initialized = try unsafe fill(UnsafeMutableRawBufferPointer(room), from: offset)
      } catch {
        failure = error
        initialized = 0
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Fills `buffer` from `offset`; returns fewer bytes only at the end of the file.
  public func read(at offset: UInt64, into buffer: inout [UInt8], for purpose: ReadPurpose) throws(SystemError) -> Int {
    counters.add(buffer.count, purpose)
    var result: Result<Int, SystemError> = .success(0)
    unsafe buffer.withUnsafeMutableBytes { room in
      // Safe: `room` is the array's own storage.
      result = Result { () throws(SystemError) -> Int in try unsafe fill(room, from: offset) }
    }
    return try result.get()
  }

  /// The first byte at or after `offset` that is not in a hole of the file; holes read as zeros. `nil`: there is none before
  /// the end. A file system that knows no holes calls everything data.
  public func nextData(from offset: UInt64) -> UInt64? {
    guard offset < size, let start = Int64(exactly: offset) else { return nil }
    let found = clinux_next_data(descriptor, start)
    if found >= 0 { return UInt64(found) }
    return errno == ENXIO ? nil : offset
  }

  private func fill(_ room: UnsafeMutableRawBufferPointer, from offset: UInt64) throws(SystemError) -> Int {
    guard let start = off_t(exactly: offset), start <= off_t.max - room.count else {
      throw SystemError(call: "pread", path: path, code: EOVERFLOW)
    }
    guard let base = room.baseAddress else { return 0 }
    var done = 0
    while done < room.count {
      // Safe: pread writes at most `room.count - done` bytes, all inside `room`.
      let got = unsafe pread(descriptor, base + done, room.count - done, start + done)
      if got > 0 {
        done += got
      } else if got == 0 {
        break
      } else if errno != EINTR {
        throw SystemError(call: "pread", path: path, code: errno)
      }
    }
    return done
  }
}
