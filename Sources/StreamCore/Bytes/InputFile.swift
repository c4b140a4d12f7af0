import CLinux
import Glibc
import Synchronization

/// An open file with one owner, read by offset, so that any number of threads may share it.
final class InputFile: Sendable {
  /// Path as the user gave it.
  let path: String
  /// Bytes, when it was opened.
  let size: UInt64
  private let descriptor: Int32
  /// `fstat` knows its size; of a block device it does not.
  private let isRegular: Bool
  /// The whole file mapped, `nil` where it cannot be. Owned: made by `init`, undone by `deinit`.
  private let mapping: Mapping?
  /// The first read that failed.
  private let failure = Mutex<SystemError?>(nil)
  /// Asked before each read of a file that is not mapped.
  private let faults: (any ReadFaults)?
  /// The file that was given, where this one was made of it.
  private let origin: InputFile?
  /// Where the bytes come from, when another file holds this one in pieces.
  private let pieces: (of: InputFile, layout: any ByteLayout)?

  /// Safe to share: the pointers never change, and what they point at is only read.
  @safe private struct Mapping: @unchecked Sendable {
    let handle: OpaquePointer
    let bytes: UnsafeRawPointer
  }

  /// The path that means standard input, as it was handed to the program.
  static let standardInput = "-"

  /// - Parameters:
  ///   - mapped: map the file where that is possible; else every look at it is a read.
  ///   - faults: what makes reads fail, for tests.
  init(path: String, mapped: Bool = true, faults: (any ReadFaults)? = nil) throws(SystemError) {
    let isStandardInput = path == Self.standardInput
    let path = isStandardInput ? "standard input" : path
    self.path = path
    self.faults = faults
    pieces = nil
    origin = nil
    // O_NONBLOCK: a FIFO without a writer is refused below instead of hanging here; to files it means nothing.
    descriptor = retried {
      isStandardInput
        ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        : unsafe open(PathText.terminated(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    var end: off_t = -1
    do throws(SystemError) {
      if descriptor < 0 { throw SystemError(call: "open", path: path, code: errno) }
      isRegular = try Self.isRegular(descriptor, path)
      end = try Self.end(of: descriptor, isRegular: isRegular, path)
    } catch {
      size = 0
      mapping = nil
      throw error
    }
    size = UInt64(end)
    mapping = mapped && end > 0 ? Self.map(descriptor, Int(end)) : nil
  }

  /// The file that another one holds in pieces.
  /// - Parameter form: what is added to the other's path where a message names this one.
  init(in other: InputFile, _ layout: any ByteLayout, form: String) {
    path = "\(other.path) (\(form))"
    size = layout.size
    descriptor = -1
    isRegular = false
    mapping = nil
    faults = nil
    origin = other.given
    pieces = (other, layout)
  }

  /// A file that was made of another input.
  /// - Parameters:
  ///   - descriptor: belongs to this object from now on.
  ///   - given: what it was made of; `nil`: of what cannot be read again.
  init(spooled descriptor: Int32, size: UInt64, path: String, given: InputFile?, mapped: Bool) {
    self.path = path
    self.size = size
    self.descriptor = descriptor
    isRegular = true
    mapping = mapped && size > 0 ? Self.map(descriptor, Int(clamping: size)) : nil
    faults = nil
    origin = given
    pieces = nil
  }

  /// Bytes. Of a block device `fstat` does not know it; of a file it does, and the position that standard input shares
  /// with its other users stays.
  private static func end(of descriptor: Int32, isRegular: Bool, _ path: String) throws(SystemError) -> off_t {
    guard isRegular else {
      let end = lseek(descriptor, 0, SEEK_END)
      if end < 0 { throw SystemError(call: "lseek", path: path, code: errno) }
      return end
    }
    var status = stat()
    // Safe: fstat fills the struct.
    if unsafe fstat(descriptor, &status) != 0 { throw SystemError(call: "fstat", path: path, code: errno) }
    return status.st_size
  }

  /// - Returns: `false`: a block device.
  /// - Throws: what cannot be read by offset, or has no end, by an errno that says so.
  private static func isRegular(_ descriptor: Int32, _ path: String) throws(SystemError) -> Bool {
    var status = stat()
    // Safe: fstat fills the struct.
    if unsafe fstat(descriptor, &status) != 0 { throw SystemError(call: "fstat", path: path, code: errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return true
    case S_IFBLK: return false
    case S_IFDIR: throw SystemError(call: "open", path: path, code: EISDIR)
    case S_IFIFO: throw SystemError(call: "open", path: path, code: ESPIPE)
    default: throw SystemError(call: "open", path: path, code: ENOTBLK)
    }
  }

  /// The file as it was given: this one, or the one that holds it or that it was made of.
  var given: InputFile { origin ?? self }

  /// Which file was given, whatever it is called.
  var identity: FileIdentity? { origin?.identity ?? FileIdentity(descriptor: descriptor) }

  /// Bytes below `size` are missing, not zero: `held` tells which.
  var isCut: Bool { pieces?.layout.isCut ?? false }

  /// How many of the `count` bytes from `offset` are there before the first that is missing.
  func held(from offset: UInt64, count: UInt64) -> UInt64 {
    guard let layout = pieces?.layout, layout.isCut else { return offset < size ? min(count, size - offset) : 0 }
    return layout.held(from: offset, count: count)
  }

  /// `lend` copies nothing.
  var isMapped: Bool { mapping != nil }

  private static func map(_ descriptor: Int32, _ size: Int) -> Mapping? {
    guard let handle = unsafe clinux_map(descriptor, size), let bytes = unsafe clinux_mapping_bytes(handle) else {
      return nil
    }
    return unsafe Mapping(handle: handle, bytes: bytes)
  }

  deinit {
    // Safe: nobody can look at the mapping any more.
    if let mapping { unsafe clinux_unmap(mapping.handle) }
    if descriptor >= 0 { _ = close(descriptor) }
  }

  /// Lends `count` bytes from `offset`, without a copy where the file is mapped; fewer only at the end of the file.
  /// Where the file has shrunk since it was opened they are zeros, and `check` throws: whoever lends looks there before
  /// the bytes are believed.
  @inline(__always)
  func lend<R>(at offset: UInt64, count: Int, _ body: (RawSpan) throws -> R) throws -> R {
    guard let mapping else { return try lendRead(at: offset, count: count, body) }
    let start = min(offset, size)
    let length = min(UInt64(max(0, count)), size - start)
    // Safe: the mapping has `size` bytes, and the range was cut to them.
    let bytes = unsafe UnsafeRawBufferPointer(start: mapping.bytes + Int(start), count: Int(length))
    return try body(unsafe RawSpan(_unsafeBytes: bytes))
  }

  /// Lends bytes of a file that is not mapped: those of one piece from where it lies, others from a copy.
  private func lendRead<R>(at offset: UInt64, count: Int, _ body: (RawSpan) throws -> R) throws -> R {
    if let (file, layout) = pieces, layout.isInPlace, offset < size, layout.run(at: offset).isHeld {
      let piece = try layout.place(of: offset)
      if count >= 0, UInt64(count) <= piece.count { return try file.lend(at: piece.place, count: count, body) }
    }
    return try read(at: offset, count: count).withBytes(body)
  }

  /// Says that the bytes at `offset` will be wanted soon. Does nothing where the file is not mapped.
  @inline(__always)
  func prefetch(at offset: UInt64) {
    guard let mapping, offset < size else { return }
    // Safe: the address lies in the mapping, and a prefetch reads nothing that anyone sees.
    unsafe clinux_prefetch(mapping.bytes + Int(offset))
  }

  /// Brings the page of the mapping that holds `offset` into memory, with what the system takes along.
  /// - Returns: the byte there, for no purpose but that it is read.
  @inline(__always)
  func touch(_ offset: UInt64) -> UInt8 {
    guard let mapping, offset < size else { return 0 }
    // Safe: the address lies in the mapping.
    return unsafe mapping.bytes.load(fromByteOffset: Int(offset), as: UInt8.self)
  }

  /// - Throws: the first failure of a read so far, or EIO when the file has shrunk since it was opened.
  func check() throws(SystemError) {
    if let failure = failure.withLock({ $0 }) { throw failure }
    if let pieces { return try pieces.of.check() }
    // The size counts even where a mapping did not fault: the rest of a file's last page reads as zeros.
    if mapping.map({ unsafe clinux_mapping_failed($0.handle) != 0 }) ?? false || hasShrunk {
      throw remembered(.cut(path))
    }
  }

  private var hasShrunk: Bool {
    guard isRegular else { return false }
    var status = stat()
    // Safe: fstat fills the struct.
    return unsafe fstat(descriptor, &status) != 0 || UInt64(status.st_size) < size
  }

  /// Keeps what ends the run as a failed read does.
  func keep(_ error: SystemError) { _ = remembered(error) }

  /// Up to `count` bytes from `offset`; fewer only at the end of the file as it was when it was opened.
  func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    let bytes = try readAvailable(at: offset, count: count)
    if bytes.count < count, offset + UInt64(bytes.count) < size { throw remembered(.cut(path)) }
    return bytes
  }

  /// The first bytes of a small text: the files of sysfs are said to be longer than they are.
  func text(limit: Int) throws(SystemError) -> [UInt8] { try readAvailable(at: 0, count: limit) }

  private func readAvailable(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    if let (file, layout) = pieces {
      do throws(SystemError) { return try layout.bytes(of: file, at: offset, count: count) } catch {
        throw remembered(error)
      }
    }
    if let code = faults?.next() { throw remembered(SystemError(call: "pread", path: path, code: code)) }
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
    if let failure { throw remembered(failure) }
    return bytes
  }

  private func remembered(_ error: SystemError) -> SystemError {
    pieces?.of.keep(error)
    failure.withLock { first in
      if first == nil { first = error }
    }
    return error
  }

  /// The first byte at or after `offset` that is not in a hole of the file; holes read as zeros. `nil`: there is none
  /// before the end. A file system that knows no holes calls everything data.
  func nextData(from offset: UInt64) -> UInt64? {
    if let pieces { return pieces.layout.nextData(from: offset) }
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

/// Makes reads fail, for tests of what becomes of that.
protocol ReadFaults: Sendable {
  /// The `errno` that the next read fails with; `nil`: it goes through.
  func next() -> Int32?
}
