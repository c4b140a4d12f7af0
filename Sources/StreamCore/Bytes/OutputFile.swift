import CLinux
import Glibc
import Synchronization

/// Why an output is not there.
enum OutputError: Error, Equatable, Sendable {
  /// It could not even be begun.
  case cannotCreate(SystemError)
  /// A file of this name is there, and it was not to be replaced.
  case exists(path: String)
  case system(SystemError)
}

/// A file in the making: written under a hidden temporary name beside its place, and given its name when it is whole.
/// Until `commit` succeeds nothing carries the final name; without it the temporary file goes away with the object.
/// Writing and reading go by offset, so that threads may share it; stretches never written are holes.
public final class OutputFile: Sendable {
  /// The final name, as the user gave it.
  let path: String
  /// Where the bytes go until then, in the same directory.
  let temporaryPath: String
  private let descriptor: Int32
  private let temporaries: TemporaryFiles
  private let pending = Mutex(true)

  /// Creates the temporary file, mode 0600.
  /// - Parameter temporaries: the register that a signal empties; tests give their own.
  init(path: String, temporaries: TemporaryFiles = .shared) throws(SystemError) {
    self.path = path
    self.temporaries = temporaries
    (descriptor, temporaryPath) = try temporaries.create(for: path, in: Self.directory(of: path))
  }

  deinit {
    discard()
    _ = close(descriptor)
  }

  /// Removes the temporary files of the whole process, and lets no new ones be made: for the way out after a signal.
  /// It takes a lock, so it belongs on a queue's signal source, not into a signal handler.
  public static func removeAllTemporaries() { TemporaryFiles.shared.removeAll() }

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

  /// Waits until the bytes are on the disk.
  func sync() throws(SystemError) { try check(fsync(descriptor), "fsync") }

  /// Gives the file, which is synced, its name and syncs the directory. After an error before the renaming, the final
  /// name is as it was and `discard` still works; an error of the last sync leaves the whole file under its name.
  /// - Parameters:
  ///   - force: replace a file that carries the name.
  ///   - syncsDirectory: of several files in one directory the last can do it for all.
  /// - Throws: `.exists` without `force` when the name is taken, by whoever came first.
  func commit(force: Bool, syncsDirectory: Bool = true) throws(OutputError) {
    do throws(SystemError) {
      try rename(force: force)
      temporaries.forget(temporaryPath)
      pending.withLock { $0 = false }
      if syncsDirectory { try syncDirectory() }
    } catch {
      if error.code == EEXIST && !force { throw .exists(path: path) }
      throw .system(error)
    }
  }

  /// Removes the temporary file. Does nothing after `commit`, or a second time.
  func discard() {
    let mine = pending.withLock { pending in
      defer { pending = false }
      return pending
    }
    if mine { temporaries.remove(temporaryPath) }
  }

  private func rename(force: Bool) throws(SystemError) {
    if force {
      try check(unsafe Glibc.rename(temporaryPath, path), "rename")
      return
    }
    // Safe, here and below: both strings end in NUL and outlive the call.
    if unsafe clinux_rename_noreplace(temporaryPath, path) == 0 { return }
    guard errno == EINVAL || errno == ENOSYS else { throw SystemError(call: "renameat2", path: path, code: errno) }
    // No RENAME_NOREPLACE here (NFS, for one). A link fails just as surely when the name is taken.
    try check(unsafe link(temporaryPath, path), "link")
    _ = unsafe unlink(temporaryPath)
  }

  private func syncDirectory() throws(SystemError) {
    let directory = Self.directory(of: path)
    // Safe: the string ends in NUL and outlives the call.
    let handle = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { throw SystemError(call: "open", path: directory, code: errno) }
    defer { _ = close(handle) }
    // Some file systems cannot sync a directory and say so: then there is nothing more to do.
    if fsync(handle) != 0 && errno != EINVAL && errno != ENOTSUP {
      throw SystemError(call: "fsync", path: directory, code: errno)
    }
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

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
