import Glibc

/// The few questions to the file system that are not about one open file.
public enum FileSystem {
  /// Creates a directory with this mode; one that is there already is fine.
  public static func makeDirectory(_ path: String, mode: mode_t) throws(SystemError) {
    // Safe: the string lives across the call, here and below.
    if unsafe mkdir(path, mode) != 0, errno != EEXIST {
      throw SystemError(call: "mkdir", path: path, code: errno)
    }
  }

  public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}
