import CLinux
import Glibc

/// The process's standard descriptors, its terminal and what it leaves when it dies.
public enum ProcessSurroundings {
  /// Call it first: closed standard descriptors stay out of other files' way, signals are noted (`NotedSignals`), and no
  /// core file will hold guest memory.
  public static func settle() {
    clinux_hold_standard_descriptors()
    clinux_no_core_file()
    NotedSignals.watch()
  }

  /// Columns of the terminal that a descriptor is, 80 where it does not say; `nil`: it is no terminal.
  public static func terminalWidth(_ descriptor: Int32) -> Int? {
    let width = clinux_terminal_width(descriptor)
    return width < 0 ? nil : width == 0 ? 80 : Int(width)
  }

  /// The commit that the program was built from, or "unknown".
  public static var commit: String {
    // Safe: the text ends with a NUL and is never changed.
    unsafe String(cString: clinux_commit())
  }

  public static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    // Safe: it ends with a NUL, and nobody here changes the environment.
    return unsafe String(cString: value)
  }

  /// Writes bytes to an open descriptor, whole.
  /// - Throws: also EPIPE, when nobody reads any more.
  public static func write(_ bytes: [UInt8], to descriptor: Int32, called name: String) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let put = unsafe bytes.withUnsafeBytes { source -> Int in
        guard let base = source.baseAddress else { return 0 }
        // Safe: `source.count - done` bytes from `done` lie inside the array.
        return unsafe Glibc.write(descriptor, base + done, source.count - done)
      }
      if put > 0 {
        done += put
      } else if put < 0, errno == EAGAIN {
        // Someone made it non-blocking.
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&wanted, 1, -1)
      } else if put == 0 || errno != EINTR {
        throw SystemError(call: "write", path: name, code: put == 0 ? EIO : errno)
      }
    }
  }

  /// All bytes of a file, a pipe, or with `-` of standard input, from where it stands.
  /// - Throws: EFBIG where there are more than `limit`.
  static func text(of path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let isInput = path == InputFile.standardInput
    // Safe: the bytes end in NUL and outlive the call.
    let file = isInput ? STDIN_FILENO : retried { unsafe open(PathText.terminated(path), O_RDONLY | O_CLOEXEC) }
    if file < 0 { throw SystemError(call: "open", path: path, code: errno) }
    defer { if !isInput { _ = Glibc.close(file) } }
    var text: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      // Safe: read writes at most as many bytes as the array has.
      let got = unsafe room.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw SystemError(call: "read", path: path, code: errno) }
      if got == 0 { return text }
      text += room.prefix(got)
      if text.count > limit { throw SystemError(call: "read", path: path, code: EFBIG) }
    }
  }

  /// Closes a descriptor that was written to: some file systems tell only then that there was no room.
  public static func close(_ descriptor: Int32, called name: String) throws(SystemError) {
    if Glibc.close(descriptor) != 0, errno != EINTR, errno != EBADF {
      throw SystemError(call: "close", path: name, code: errno)
    }
  }
}
