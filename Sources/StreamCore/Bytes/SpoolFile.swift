import Glibc

/// A file without a name that holds what an input unwraps to, for as long as it is read: whatever ends the run leaves
/// nothing behind.
final class SpoolFile {
  /// Where it lies.
  let directory: String
  /// Bytes that were free there when it was made.
  let free: UInt64
  private(set) var size: UInt64 = 0
  /// Bytes that are no zeros of a hole.
  private(set) var written: UInt64 = 0
  private var descriptor: Int32

  /// Bytes that stay free, for whoever else writes there.
  private static let reserve: UInt64 = 64 << 20
  /// What it may have with its holes at least: a host's memory can be zeros for the most part.
  private static let holedSize: UInt64 = 1 << 40
  private static let block = 4096

  /// Bytes that it may take, and that it may have with its holes.
  let room: UInt64
  let sizeLimit: UInt64

  /// - Parameters:
  ///   - directory: made already.
  ///   - limit: bytes that it may take and have; `nil`: what is free decides.
  init(in directory: String, limit: UInt64?) throws(SystemError) {
    self.directory = directory
    let place = try OutputPlace(path: directory)
    let (file, hiddenName) = try place.create(for: "unnamed file")
    if let hiddenName { place.remove(hiddenName) }
    descriptor = file
    var status = Glibc.statvfs()
    // Safe: fstatvfs fills the struct.
    let known = unsafe fstatvfs(file, &status) == 0
    free = known ? UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue : .max
    room = limit ?? free - min(free, min(Self.reserve, free / 16))
    sizeLimit = limit ?? max(room, Self.holedSize)
  }

  deinit { if descriptor >= 0 { _ = close(descriptor) } }

  /// Appends bytes; whole blocks of zeros become holes. All but the last call have a multiple of 4096 bytes.
  /// - Throws: ENOSPC also where more than `room` would be taken.
  func append(_ bytes: [UInt8], count: Int) throws(SystemError) {
    var start: Int?
    var at = 0
    while at < count {
      let end = min(at + Self.block, count)
      if bytes.withBytes({ $0.extracting(at..<end).isZero }) {
        if let first = start { try write(bytes, first..<at) }
        start = nil
      } else if start == nil {
        start = at
      }
      at = end
    }
    if let first = start { try write(bytes, first..<count) }
    size += UInt64(count)
    if size > sizeLimit { throw noRoom }
  }

  private func write(_ bytes: [UInt8], _ range: Range<Int>) throws(SystemError) {
    written += UInt64(range.count)
    if written > room { throw noRoom }
    guard let offset = off_t(exactly: size) else { throw noRoom }
    var at = range.lowerBound
    while at < range.upperBound {
      // Safe: the range lies inside the array.
      let put = unsafe bytes.withUnsafeBytes { source -> Int in
        guard let base = source.baseAddress else { return 0 }
        return unsafe pwrite(descriptor, base + at, range.upperBound - at, offset + off_t(at))
      }
      if put > 0 {
        at += put
      } else if put == 0 || errno != EINTR {
        throw SystemError(call: "pwrite", path: directory, code: put == 0 ? EIO : errno)
      }
    }
  }

  private var noRoom: SystemError { SystemError(call: "pwrite", path: directory, code: ENOSPC) }

  /// The open file, which belongs to the caller from now on; nothing can be appended any more.
  func finish() throws(SystemError) -> Int32 {
    guard let end = off_t(exactly: size), retried({ ftruncate(descriptor, end) }) == 0 else {
      throw SystemError(call: "ftruncate", path: directory, code: errno)
    }
    defer { descriptor = -1 }
    return descriptor
  }
}
