import CLinux
import Glibc
import Synchronization

/// Why an output is not there.
enum OutputError: Error, Equatable, Sendable {
  /// It could not even be begun.
  case cannotCreate(SystemError)
  /// A file of this name is there, and it was not to be replaced.
  case exists(path: String)
  /// The file of this name is the input.
  case isInput(path: String)
  /// The manifest of this name is of another input.
  case otherInput(path: String)
  /// Another run writes into this directory.
  case inUse(path: String)
  case system(SystemError)
}

/// A file in the making: it has no name, or a hidden one where the file system has no unnamed files, and gets its name
/// when it is whole. Until `commit` succeeds nothing carries the final name; without it the file goes away with the
/// object. Writing and reading go by offset, so that threads may share it; stretches never written are holes.
final class OutputFile: Sendable {
  /// The final name, in the directory as the user gave it.
  let path: String
  /// Of the file until then, where it has one.
  let hiddenName: String?
  private let name: String
  private let place: OutputPlace
  private let descriptor: Int32
  /// For a child that writes the file.
  var openDescriptor: Int32 { descriptor }
  private let pending = Mutex(true)

  /// Creates the file, mode 0600.
  init(_ name: String, in place: OutputPlace) throws(SystemError) {
    self.name = name
    self.place = place
    path = place.path(of: name)
    (descriptor, hiddenName) = try place.create(for: name)
  }

  deinit {
    discard()
    _ = close(descriptor)
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: RawSpan, at offset: UInt64) throws(SystemError) {
    let start = try position(offset, count: bytes.byteCount, "pwrite")
    var done = 0
    while done < bytes.byteCount {
      // Safe: pwrite reads at most `byteCount - done` bytes, all inside the span; the loop ends before an empty one.
      let put = unsafe bytes.withUnsafeBytes { room -> Int in
        guard let base = room.baseAddress else { return 0 }
        return unsafe pwrite(descriptor, base + done, room.count - done, start + off_t(done))
      }
      if put > 0 {
        done += put
      } else if put == 0 {
        throw SystemError(call: "pwrite", path: path, code: EIO)
      } else if errno != EINTR {
        throw SystemError(call: "pwrite", path: path, code: errno)
      }
    }
    beginWriteout(from: offset, count: bytes.byteCount)
  }

  /// Bytes that go to the disk together while later ones are still to come.
  private static let writeoutUnit: UInt64 = 1 << 20

  /// The disk begins with units that a write has passed the end of: else it would have nothing to do until `commit`
  /// waits for all of the file. Measured on 1.9 GB in 8 files: 0.95 s instead of 1.45.
  private func beginWriteout(from offset: UInt64, count: Int) {
    let first = offset / Self.writeoutUnit * Self.writeoutUnit
    let end = (offset + UInt64(count)) / Self.writeoutUnit * Self.writeoutUnit
    if first < end { clinux_begin_writeout(descriptor, Int64(clamping: first), Int64(clamping: end - first)) }
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
    try bytes.withBytes { (span) throws(SystemError) in try write(span, at: offset) }
  }

  /// Writes `bytes[range]` at `offset`; `range` lies inside the array.
  func write(_ bytes: [UInt8], _ range: Range<Int>, at offset: UInt64) throws(SystemError) {
    try bytes.withBytes { (span) throws(SystemError) in try write(span.extracting(range), at: offset) }
  }

  /// Up to `count` bytes from `offset`; fewer only at the end of what was written so far.
  func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    let start = try position(offset, count: count, "pread")
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
      guard let base = room.baseAddress else { return }
      while initialized < count {
        // Safe: pread writes at most `count - initialized` bytes, all inside `room`.
        let got = unsafe pread(descriptor, base + initialized, count - initialized, start + off_t(initialized))
        if got > 0 {
          initialized += got
        } else if got == 0 {
          return
        } else if errno != EINTR {
          failure = errno
          return
        }
      }
    }
    if failure != 0 { throw SystemError(call: "pread", path: path, code: failure) }
    return bytes
  }

  /// Makes the file `size` bytes long; what was never written reads as zeros.
  func truncate(to size: UInt64) throws(SystemError) {
    let end = try position(size, count: 0, "ftruncate")
    while ftruncate(descriptor, end) != 0 {
      if errno != EINTR { throw SystemError(call: "ftruncate", path: path, code: errno) }
    }
  }

  /// The disk begins with all that it has not yet.
  func beginWriteout() { clinux_begin_writeout(descriptor, 0, 0) }

  /// Lets everybody read it: by default the owner alone may.
  func letEverybodyRead() throws(SystemError) { try check(retried { fchmod(descriptor, 0o644) }, "fchmod") }

  /// Waits until the bytes are on the disk.
  func sync() throws(SystemError) { try check(retried { fsync(descriptor) }, "fsync") }

  /// Gives the file, which is synced, its name and syncs the directory. After an error before the naming, the final
  /// name is as it was and `discard` still works; an error of the last sync leaves the whole file under its name.
  /// - Parameters:
  ///   - force: replace a file that carries the name.
  ///   - syncsDirectory: of several files in one directory the last can do it for all.
  /// - Throws: `.exists` without `force` when the name is taken, by whoever came first.
  func commit(force: Bool, syncsDirectory: Bool = true) throws(OutputError) {
    do throws(SystemError) {
      try place.name(descriptor, hiddenName, name, force: force)
      pending.withLock { $0 = false }
      if syncsDirectory { try place.sync() }
    } catch {
      if error.code == EEXIST && !force { throw .exists(path: path) }
      throw .system(error)
    }
  }

  /// Removes the hidden name. Does nothing after `commit`, or a second time.
  func discard() {
    let mine = pending.withLock { pending in
      defer { pending = false }
      return pending
    }
    if mine, let hiddenName { place.remove(hiddenName) }
  }

  private func check(_ result: Int32, _ call: String) throws(SystemError) {
    if result != 0 { throw SystemError(call: call, path: path, code: errno) }
  }

  private func position(_ offset: UInt64, count: Int, _ call: String) throws(SystemError) -> off_t {
    guard let start = off_t(exactly: offset), count >= 0, start <= off_t.max - off_t(count) else {
      throw SystemError(call: call, path: path, code: EOVERFLOW)
    }
    return start
  }
}
