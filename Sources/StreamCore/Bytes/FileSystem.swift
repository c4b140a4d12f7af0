import Glibc

/// The few questions to the file system that are not about one open file.
enum FileSystem {
  /// Creates a directory with this mode; one that is there already is fine.
  static func makeDirectory(_ path: String, mode: mode_t) throws(SystemError) {
    // Safe: the string lives across the call, here and below.
    if unsafe mkdir(path, mode) != 0, errno != EEXIST {
      throw SystemError(call: "mkdir", path: path, code: errno)
    }
  }

  static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// Names in a directory, at most `limit`, in no order, without "." and ".."; `nil` when the path is no directory.
  static func names(in path: String, limit: Int) throws(SystemError) -> [String]? {
    guard let directory = unsafe opendir(path) else {
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
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { place in
        unsafe place.withMemoryRebound(to: CChar.self, capacity: 1) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
