import CLinux
import Glibc
import Synchronization

/// A directory that new files are made in, open as long as they are: what happens to its path meanwhile does not matter.
/// How a new file can be made there is tried out before any work. Several places may be open at a time; one that is
/// locked excludes every other run.
final class OutputPlace: Sendable {
  /// How a new file is made and gets its name; the first that works is taken.
  enum Way: CaseIterable, Sendable {
    /// Without a name (O_TMPFILE), named by its descriptor.
    case unnamed
    /// Without a name, named through /proc/self/fd: where naming by descriptor needs a privilege.
    case unnamedByProc
    /// Under a hidden name, locked: on file systems that know no unnamed files.
    case hidden
  }

  /// As the user gave it.
  let path: String
  let way: Way
  private let descriptor: Int32
  private let state = Mutex(State())

  private struct State {
    /// Of the hidden name that was used last.
    var serial: UInt32 = 0
    /// A lock file's descriptor, where the directory itself cannot be locked.
    var lockFile: Int32 = -1
  }

  /// - Parameter ways: what is tried, in this order; tests give others.
  init(path: String, ways: [Way] = Way.allCases) throws(SystemError) {
    self.path = path
    // Safe, here and below: names end in NUL and outlive the calls.
    descriptor = retried { unsafe open(PathText.terminated(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    do throws(SystemError) {
      guard descriptor >= 0 else { throw SystemError(call: "open", path: path, code: errno) }
      way = try Self.tryOut(ways, in: descriptor, path)
    } catch {
      // Now that nothing is missing, `deinit` closes it.
      way = .hidden
      throw error
    }
  }

  deinit {
    guard descriptor >= 0 else { return }
    let lockFile = state.withLock { $0.lockFile }
    if lockFile >= 0 {
      _ = unsafe unlinkat(descriptor, Self.lockName, 0)
      _ = close(lockFile)
    }
    if way == .hidden { clinux_remove_hidden_at_end(-1, 0) }
    _ = close(descriptor)
  }

  /// Whether a place can be had at a path, its directory still to be made or not. Makes nothing that stays.
  static func probe(_ path: String) throws(SystemError) {
    do throws(SystemError) { _ = try OutputPlace(path: path) } catch {
      guard error.code == ENOENT else { throw error }
      try FileSystem.checkDirectories(path)
    }
  }

  func path(of name: String) -> String { path.utf8.last == UInt8(ascii: "/") ? path + name : path + "/" + name }

  // MARK: - Which way

  /// Errors that say that a file system or a kernel has no such thing.
  private static let lacking: Set<Int32> = [EOPNOTSUPP, EISDIR, EINVAL, ENOENT, ENOSYS, EPERM, EXDEV]

  /// An empty file is made and named, and goes again.
  private static func tryOut(_ ways: [Way], in directory: Int32, _ path: String) throws(SystemError) -> Way {
    for way in ways where way != .hidden {
      let file = retried { clinux_open_unnamed(directory) }
      guard file >= 0 else {
        if lacking.contains(errno) { continue }
        throw SystemError(call: "open", path: path, code: errno)
      }
      defer { _ = close(file) }
      var serial: UInt32 = 0
      do throws(SystemError) {
        let name = try hiddenName(in: path, "linkat", &serial) { name, _ in link(file, directory, name, way) }
        _ = unsafe unlinkat(directory, name, 0)
        return way
      } catch {
        if !lacking.contains(error.code) { throw error }
      }
    }
    return .hidden
  }

  private static func link(_ file: Int32, _ directory: Int32, _ name: String, _ way: Way) -> Int32 {
    retried {
      way == .unnamed
        ? unsafe clinux_link_descriptor(file, directory, name) : unsafe clinux_link_by_proc(file, directory, name)
    }
  }

  /// Names tried at most: only files that a killed process of the same number left stand in the way.
  private static let attempts = 10_000

  /// The next hidden name that `make` can take; a negative result with EEXIST asks for another.
  private static func hiddenName(
    in path: String, _ call: String, _ serial: inout UInt32, _ make: (_ name: String, _ serial: UInt32) -> Int32
  ) throws(SystemError) -> String {
    for _ in 0..<attempts {
      serial += 1
      var room = [CChar](repeating: 0, count: Int(CLINUX_HIDDEN_NAME_SIZE))
      // Safe: the call writes a name and its NUL into the array's own storage, which is as large as it asks for.
      unsafe room.withUnsafeMutableBufferPointer { unsafe clinux_hidden_name(serial, $0.baseAddress) }
      let name = String(decoding: room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if make(name, serial) >= 0 { return name }
      if errno != EEXIST { throw SystemError(call: call, path: path, code: errno) }
    }
    throw SystemError(call: call, path: path, code: EEXIST)
  }

  // MARK: - Files

  /// A new file for reading and writing, mode 0600, and its hidden name where it has one.
  /// - Parameter name: what it will be called; errors name that.
  func create(for name: String) throws(SystemError) -> (descriptor: Int32, hiddenName: String?) {
    let target = path(of: name)
    guard way == .hidden else {
      let file = retried { clinux_open_unnamed(descriptor) }
      if file < 0 { throw SystemError(call: "open", path: target, code: errno) }
      return (file, nil)
    }
    return try state.withLock { (state) throws(SystemError) in
      var file: Int32 = -1
      let hidden = try Self.hiddenName(in: target, "open", &state.serial) { name, serial in
        // Told before the file is there: a second signal may come any time.
        clinux_remove_hidden_at_end(descriptor, serial)
        file = retried {
          unsafe openat(descriptor, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        return file
      }
      // By this the next run tells a file in the making from one that was left behind.
      _ = clinux_lock(file)
      return (file, hidden)
    }
  }

  /// Keeps the file that carries a name here from being freed; `nil`: there is none.
  func hold(_ name: String) -> HeldFile? { HeldFile(descriptor, name) }

  func remove(_ name: String) { _ = unsafe unlinkat(descriptor, name, 0) }

  /// Gives a new file its name.
  /// - Parameters:
  ///   - hidden: its hidden name, where it has one.
  ///   - force: replace a file that carries the name; else EEXIST is thrown when the name is taken.
  func name(_ file: Int32, _ hidden: String?, _ name: String, force: Bool) throws(SystemError) {
    switch (hidden, force) {
    case (nil, false): try check(Self.link(file, descriptor, name, way), "linkat", name)
    case (nil, true):
      // Nothing can be linked over a name, so it is linked beside it first; a process that dies in between leaves a
      // whole file, which the next run removes.
      let linked = try state.withLock { (state) throws(SystemError) in
        try Self.hiddenName(in: path(of: name), "linkat", &state.serial) { hidden, _ in
          Self.link(file, descriptor, hidden, way)
        }
      }
      do throws(SystemError) { try replace(name, by: linked) } catch {
        remove(linked)
        throw error
      }
    case (let hidden?, true): try replace(name, by: hidden)
    case (let hidden?, false):
      if retried({ unsafe clinux_rename_noreplace(descriptor, hidden, name) }) == 0 { return }
      guard errno == EINVAL || errno == ENOSYS else { return try check(-1, "renameat2", name) }
      // No RENAME_NOREPLACE here (NFS, for one). A link fails just as surely when the name is taken.
      try check(retried { unsafe linkat(descriptor, hidden, descriptor, name, 0) }, "linkat", name)
      remove(hidden)
    }
  }

  private func replace(_ name: String, by hidden: String) throws(SystemError) {
    try check(retried { unsafe renameat(descriptor, hidden, descriptor, name) }, "rename", name)
  }

  private func check(_ result: Int32, _ call: String, _ name: String) throws(SystemError) {
    if result != 0 { throw SystemError(call: call, path: path(of: name), code: errno) }
  }

  /// Waits until the names are on the disk.
  func sync() throws(SystemError) {
    // Some file systems cannot sync a directory and say so: then there is nothing more to do.
    if retried({ fsync(descriptor) }) != 0 && errno != EINVAL && errno != ENOTSUP {
      throw SystemError(call: "fsync", path: path, code: errno)
    }
  }

  // MARK: - One run at a time

  static let lockName = ".vmcs-split.lock"

  /// Keeps every other run out as long as this place is open, and removes what killed runs left.
  /// - Returns: `false`: another run has it.
  func lock() throws(SystemError) -> Bool {
    guard try take() else { return false }
    try sweep()
    return true
  }

  private func take() throws(SystemError) -> Bool {
    if retried({ clinux_lock(descriptor) }) == 0 { return true }
    if errno == EWOULDBLOCK { return false }
    return try takeByFile()
  }

  /// For file systems that lock files only (NFS, for one): a file that is there as long as its lock.
  func takeByFile() throws(SystemError) -> Bool {
    for _ in 0..<Self.attempts {
      let file = retried {
        unsafe openat(descriptor, Self.lockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
      }
      if file < 0 { throw SystemError(call: "open", path: path(of: Self.lockName), code: errno) }
      if retried({ clinux_lock(file) }) != 0, errno == EWOULDBLOCK {
        _ = close(file)
        return false
      }
      // Whoever had it may have removed it meanwhile.
      if let now = identity(of: Self.lockName), now == FileIdentity(descriptor: file) {
        state.withLock { $0.lockFile = file }
        return true
      }
      _ = close(file)
    }
    return false
  }

  /// Removes the hidden files that nobody is writing any more.
  private func sweep() throws(SystemError) {
    guard let names = try FileSystem.names(in: path, limit: .max) else { return }
    for name in names where unsafe clinux_is_hidden_name(name) != 0 {
      let file = unsafe openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      guard file >= 0 else { continue }
      if clinux_lock(file) == 0 { remove(name) }
      _ = close(file)
    }
  }

  /// Whether anything carries a name here, be it a link that leads nowhere.
  func has(_ name: String) -> Bool {
    var status = stat()
    // Safe: the call fills the struct, and the string outlives it.
    return unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
  }

  /// The bytes of a file here, at most 256 MiB of them.
  func content(of name: String) throws(SystemError) -> [UInt8] {
    let file = try InputFile(path: path(of: name), mapped: false)
    return try file.read(at: 0, count: Int(min(file.size, 256 << 20)))
  }

  /// Which file carries a name here, links followed; `nil`: none.
  func identity(of name: String) -> FileIdentity? { FileIdentity(descriptor, name) }
}
