import CLinux
import Glibc

/// A text file that several processes append lines to, one after the other. A line that
/// a dying process left half is ended by the next one. Numbers can be claimed: one process has a number at a time, and
/// whatever ends it gives the number back.
final class SharedLog: Sendable {
  let path: String
  private let descriptor: Int32

  /// A number that is ours until this object goes, and the child that was started with it has ended.
  final class Claim: Sendable {
    let openDescriptor: Int32

    fileprivate init(_ descriptor: Int32) { openDescriptor = descriptor }

    deinit { _ = close(openDescriptor) }
  }

  /// The byte that is locked while a line is appended. Claims lock bytes far behind the end that a file may have.
  private static let appendLock: Int64 = 0
  private static let claimBase: Int64 = 1 << 62

  /// Creates the file, mode 0600, where it is not there.
  init(path: String) throws(SystemError) {
    self.path = path
    descriptor = try Self.open(path)
  }

  private static func open(_ path: String) throws(SystemError) -> Int32 {
    // Safe: the bytes end in NUL and outlive the call.
    let file = retried { unsafe Glibc.open(PathText.terminated(path), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }
    if file < 0 { throw SystemError(call: "open", path: path, code: errno) }
    return file
  }

  deinit { _ = close(descriptor) }

  /// Appends a line; its end is added.
  /// - Parameter isSynced: it is on the disk before the call returns.
  func append(_ line: [UInt8], isSynced: Bool = true) throws(SystemError) {
    // An open file of its own: locks of one open file do not keep its own threads apart.
    let file = try Self.open(path)
    defer { _ = close(file) }
    if clinux_lock_byte(file, Self.appendLock, 1) != 0 { throw SystemError(call: "fcntl", path: path, code: errno) }
    let end = lseek(file, 0, SEEK_END)
    if end < 0 { throw SystemError(call: "lseek", path: path, code: errno) }
    let last = end == 0 ? [0x0a] : try Self.read(file, path, at: end - 1, count: 1)
    try write((last == [0x0a] ? [] : [0x0a]) + line + [0x0a], to: file, behind: end)
    if isSynced, retried({ fsync(file) }) != 0 { throw SystemError(call: "fsync", path: path, code: errno) }
  }

  /// Where there is no room for the whole line, nothing of it stays.
  private func write(_ bytes: [UInt8], to file: Int32, behind end: off_t) throws(SystemError) {
    do throws(SystemError) { try ProcessSurroundings.write(bytes, to: file, called: path) } catch {
      _ = retried { ftruncate(file, end) }
      throw error
    }
  }

  /// The whole lines from `offset` on, without their ends, and where the next one will begin.
  func lines(from offset: UInt64) throws(SystemError) -> (lines: [[UInt8]], end: UInt64) {
    guard var place = off_t(exactly: offset) else { return ([], offset) }
    var bytes: [UInt8] = []
    while true {
      let more = try Self.read(descriptor, path, at: place, count: 1 << 20)
      if more.isEmpty { break }
      bytes += more
      place += off_t(more.count)
    }
    guard let last = bytes.lastIndex(of: 0x0a) else { return ([], offset) }
    return (bytes[..<last].split(separator: 0x0a).map(Array.init), offset + UInt64(last) + 1)
  }

  private static func read(_ file: Int32, _ path: String, at offset: off_t, count: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    while true {
      // Safe: pread writes at most `count` bytes into the array.
      let got = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, offset) }
      if got >= 0 {
        bytes.removeSubrange(got...)
        return bytes
      }
      if errno != EINTR { throw SystemError(call: "pread", path: path, code: errno) }
    }
  }

  /// Claims a number; `nil`: another process has it, or another claim of this one.
  func claim(_ number: UInt64) throws(SystemError) -> Claim? {
    let claim = Claim(try Self.open(path))
    if clinux_lock_byte(claim.openDescriptor, Self.claimBase + Int64(number >> 2), 0) == 0 { return claim }
    if errno == EAGAIN || errno == EACCES { return nil }
    throw SystemError(call: "fcntl", path: path, code: errno)
  }
}
