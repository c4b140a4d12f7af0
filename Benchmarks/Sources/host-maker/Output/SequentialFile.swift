import Glibc

/// A file that could not be written.
struct WriteError: Error, Equatable, CustomStringConvertible {
  var path: String
  var errno: Int32
  var description: String { "\(path): \(unsafe String(cString: strerror(errno)))" }
}

/// An output file, closed with its owner.
final class OutputFile: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws(WriteError) {
    self.path = path
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw WriteError(path: path, errno: errno) }
  }

  deinit { close(descriptor) }

  func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64) throws(WriteError) {
    var done = 0
    while done < bytes.count {
      // Safe: the bytes from `done` on are the slice's own.
      let written = unsafe bytes.withUnsafeBytes { room in
        unsafe pwrite(descriptor, room.baseAddress.map { unsafe $0 + done }, room.count - done, off_t(offset) + done)
      }
      if written > 0 { done += written } else if errno != EINTR { throw WriteError(path: path, errno: errno) }
    }
  }

  func grow(to size: UInt64) throws(WriteError) {
    if ftruncate(descriptor, off_t(size)) != 0 { throw WriteError(path: path, errno: errno) }
  }
}

/// Bytes that go to a file one after the other, through a buffer of one MiB.
struct SequentialWriter {
  private let file: OutputFile
  /// Where the next byte goes.
  private(set) var offset: UInt64
  private var buffer: [UInt8]
  private var used = 0
  private static let size = 1 << 20

  init(_ file: OutputFile, at offset: UInt64) {
    self.file = file
    self.offset = offset
    buffer = [UInt8](repeating: 0, count: Self.size)
  }

  mutating func append(_ bytes: [UInt8]) throws(WriteError) {
    var done = 0
    while done < bytes.count {
      let count = min(bytes.count - done, Self.size - used)
      // Safe: both sides have `count` bytes from their places on.
      unsafe buffer.withUnsafeMutableBytes { room in
        unsafe bytes.withUnsafeBytes { source in
          unsafe UnsafeMutableRawBufferPointer(rebasing: room[used..<used + count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[done..<done + count]))
        }
      }
      done += count
      try used(count)
    }
  }

  /// A page descriptor. Source: makedumpfile, diskdump_mod.h, page_desc_t.
  mutating func append(descriptor place: UInt64, size: Int, flag: UInt32) throws(WriteError) {
    if Self.size - used < 24 { try flush() }
    // Safe: there is room for three words by the line before.
    unsafe buffer.withUnsafeMutableBytes { room in
      unsafe room.storeBytes(of: place.littleEndian, toByteOffset: used, as: UInt64.self)
      let word = UInt64(size) | UInt64(flag) << 32
      unsafe room.storeBytes(of: word.littleEndian, toByteOffset: used + 8, as: UInt64.self)
      unsafe room.storeBytes(of: 0, toByteOffset: used + 16, as: UInt64.self)
    }
    try used(24)
  }

  mutating func flush() throws(WriteError) {
    try file.write(buffer[..<used], at: offset - UInt64(used))
    used = 0
  }

  private mutating func used(_ count: Int) throws(WriteError) {
    used += count
    offset += UInt64(count)
    if used == Self.size { try flush() }
  }
}
