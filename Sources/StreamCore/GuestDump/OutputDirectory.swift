/// The directory that the outputs go to.
struct OutputDirectory {
  static let manifestName = "manifest.json"
  let path: String
  let force: Bool

  func path(of name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  /// Creates the directory, mode 0700, and refuses files that are there already unless `force`.
  func prepare(files: [String]) throws(Failure) {
    do throws(SystemError) { try FileSystem.makeDirectory(path, mode: 0o700) } catch { throw .cannotCreate(error) }
    guard !force else { return }
    for name in files where FileSystem.exists(self.path(of: name)) { throw .exists(path: self.path(of: name)) }
  }

  /// Writes a small file whole: under a temporary name, synced, renamed, and the directory synced, for what was renamed
  /// before it too.
  func write(_ bytes: [UInt8], to name: String) throws {
    let file = try OutputFile(path: path(of: name))
    try file.write(bytes, at: 0)
    try file.commit(force: force)
  }
}
