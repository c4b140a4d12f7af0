import Glibc

/// The few questions to the file system that are not about one open file.
enum FileSystem {
  /// Creates a directory with this mode, and those above it that are missing; one that is there already is fine.
  static func makeDirectories(_ path: String, mode: mode_t) throws(SystemError) {
    // Safe: the bytes end in NUL and outlive the call, here and below.
    if retried({ unsafe mkdir(PathText.terminated(path), mode) }) == 0 || errno == EEXIST { return }
    let code = errno
    guard code == ENOENT, let parent = PathText.parent(of: path) else {
      throw SystemError(call: "mkdir", path: path, code: code)
    }
    try makeDirectories(parent, mode: mode)
    if retried({ unsafe mkdir(PathText.terminated(path), mode) }) != 0 && errno != EEXIST {
      throw SystemError(call: "mkdir", path: path, code: errno)
    }
  }

  /// Tells whether `makeDirectories` can do without doing it: what is there already of the path is a directory in which
  /// something can be made.
  static func checkDirectories(_ path: String) throws(SystemError) {
    // Safe, here and below: the bytes end in NUL and outlive the call.
    if retried({ unsafe access(PathText.terminated(path), W_OK | X_OK) }) == 0 { return }
    let code = errno
    guard code == ENOENT, path != "." else { throw SystemError(call: "access", path: path, code: code) }
    try checkDirectories(PathText.parent(of: path) ?? ".")
  }

  /// Links are followed.
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    // Safe: the bytes end in NUL and outlive the call, which fills the struct.
    return unsafe stat(PathText.terminated(path), &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Bytes that may still be written below a path; `nil` where that is not known.
  static func freeBytes(_ path: String) -> UInt64? {
    var status = statvfs()
    // Safe: the call fills the struct.
    guard unsafe statvfs(PathText.terminated(path), &status) == 0 else { return nil }
    return UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
  }

  /// Removes a directory, if it is empty.
  static func removeEmptyDirectory(_ path: String) { _ = unsafe rmdir(PathText.terminated(path)) }

  /// Paths that a shell would put for a pattern, in order; none where nothing matches.
  static func paths(matching pattern: String) throws(SystemError) -> [String] {
    var found = unsafe glob_t()
    // Safe: the call fills the struct, whose list is read before it is freed; each path in it ends with a NUL.
    defer { unsafe globfree(&found) }
    switch unsafe glob(PathText.terminated(pattern), 0, nil, &found) {
    case 0: break
    case GLOB_NOMATCH: return []
    default: throw SystemError(call: "glob", path: pattern, code: errno)
    }
    let count = unsafe Int(found.gl_pathc)
    return (0..<count).compactMap { index in
      guard let path = unsafe found.gl_pathv[index] else { return nil }
      let bytes = unsafe UnsafeBufferPointer(start: path, count: strlen(path)).map(UInt8.init(bitPattern:))
      return PathText.text(of: bytes)
    }
  }

  /// Names in a directory, at most `limit`, in no order, without "." and ".."; `nil` when the path is no directory.
  static func names(in path: String, limit: Int) throws(SystemError) -> [String]? {
    guard let directory = unsafe opendir(PathText.terminated(path)) else {
      if errno == ENOTDIR { return nil }
      throw SystemError(call: "opendir", path: path, code: errno)
    }
    // Safe: the stream is open until then, and nobody else has it.
    defer { _ = unsafe closedir(directory) }
    var names: [String] = []
    while names.count < limit {
      errno = 0
      guard let entry = unsafe readdir(directory) else {
        if errno != 0 { throw SystemError(call: "readdir", path: path, code: errno) }
        break
      }
      // Safe: the name ends with a NUL inside the entry, which stays as it is until the next readdir.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
        unsafe PathText.text(of: Array($0.prefix { $0 != 0 }))
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}

/// What tells whether a file is the one that was looked at before, without its bytes being read.
struct FileStamp: Codable, Hashable, Sendable {
  var device: UInt64
  var inode: UInt64
  /// Bytes.
  var size: UInt64
  /// Of the last change to its bytes, and of the last to whatever is known of it; nanoseconds since 1970.
  var modified: Int64
  var changed: Int64

  enum Kind { case file, directory, other }

  /// Of what a path names.
  /// - Parameter followsLinks: `false`: a symbolic link is neither file nor directory.
  static func read(_ path: String, followsLinks: Bool = true) throws(SystemError) -> (stamp: FileStamp, kind: Kind) {
    var status = stat()
    // Safe: the call fills the struct, and the bytes end in NUL and outlive it.
    let failed = unsafe fstatat(AT_FDCWD, PathText.terminated(path), &status, followsLinks ? 0 : AT_SYMLINK_NOFOLLOW)
    if failed != 0 { throw SystemError(call: "stat", path: path, code: errno) }
    let kind: Kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG, S_IFBLK: .file
      case S_IFDIR: .directory
      default: .other
      }
    func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
    let stamp = FileStamp(
      device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: UInt64(max(0, status.st_size)),
      modified: nanoseconds(status.st_mtim), changed: nanoseconds(status.st_ctim))
    return (stamp, kind)
  }
}

/// What makes a file the same whatever its names: device and inode.
struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  private init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  init?(descriptor: Int32) {
    var status = stat()
    // Safe, here and below: the call fills the struct, and the string outlives it.
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  init?(_ directory: Int32, _ name: String) {
    var status = stat()
    guard unsafe fstatat(directory, name, &status, 0) == 0 else { return nil }
    self.init(status)
  }
}

/// A system call that is made again when a signal cut it short.
func retried(_ call: () -> Int32) -> Int32 {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
