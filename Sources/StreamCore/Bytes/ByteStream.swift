import Glibc

/// The bytes of an input one after the other: of a file, or of a pipe, which cannot be read in another way.
final class ByteStream: Sendable {
  /// Path as the user gave it.
  let path: String
  /// Bytes of the file; `nil`: of a pipe nobody knows.
  let size: UInt64?
  private let file: InputFile?
  private let descriptor: Int32
  private let doesNotBlock: Bool

  init(_ file: InputFile) {
    path = file.path
    size = file.size
    self.file = file
    descriptor = -1
    doesNotBlock = true
  }

  /// - Parameter path: of a pipe, or `-` where standard input is one.
  /// - Throws: ESPIPE, where it is something else.
  init(pipe path: String) throws(SystemError) {
    let isStandardInput = path == InputFile.standardInput
    self.path = isStandardInput ? "standard input" : path
    size = nil
    file = nil
    doesNotBlock = !isStandardInput
    // O_NONBLOCK: a FIFO without a writer is empty instead of hanging here.
    descriptor = retried {
      isStandardInput
        ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        : unsafe open(PathText.terminated(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    if descriptor < 0 { throw SystemError(call: "open", path: self.path, code: errno) }
    var status = stat()
    // Safe: fstat fills the struct.
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
      throw SystemError(call: "open", path: self.path, code: ESPIPE)
    }
  }

  deinit { if descriptor >= 0 { _ = close(descriptor) } }

  /// The next bytes, at most `count`; none at the end. One caller at a time.
  /// - Parameters:
  ///   - position: how many were read before.
  ///   - isCancelled: asked while a pipe has none; what is read then is an end.
  func next(_ count: Int, at position: UInt64, isCancelled: () -> Bool) throws(SystemError) -> [UInt8] {
    if let file { return try file.read(at: position, count: count) }
    // Without a writer, a pipe that was opened by name is at its end: only a read tells.
    var isReady = doesNotBlock
    while !isCancelled() {
      if !isReady {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Safe: one entry.
        let ready = unsafe poll(&wanted, 1, Self.patience)
        if ready == 0 || ready < 0 && errno == EINTR { continue }
        if ready < 0 { throw SystemError(call: "poll", path: path, code: errno) }
      }
      isReady = false
      var code: Int32 = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
        // Safe: read writes at most `count` bytes, all inside `room`.
        let got = unsafe Glibc.read(descriptor, room.baseAddress, count)
        initialized = max(0, got)
        code = got < 0 ? errno : 0
      }
      if code == 0 { return bytes }
      if code != EAGAIN && code != EINTR { throw SystemError(call: "read", path: path, code: code) }
    }
    return []
  }

  /// Milliseconds after which a wish to stop is looked for.
  private static let patience: Int32 = 200
}
