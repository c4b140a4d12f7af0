import Synchronization

/// The directory that the outputs go to.
struct OutputDirectory {
  static let manifestName = "manifest.json"
  let path: String
  let force: Bool

  func path(of name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  /// Creates the directory, mode 0700, and refuses files that are there already unless `force`.
  func prepare(files: [String]) throws(OutputError) {
    do throws(SystemError) { try FileSystem.makeDirectory(path, mode: 0o700) } catch { throw .cannotCreate(error) }
    guard !force else { return }
    for name in files where FileSystem.exists(self.path(of: name)) { throw .exists(path: self.path(of: name)) }
  }

  /// Gives the dumps their names, and at the very end the manifest its own. Syncing waits for the disk: several files do
  /// that side by side, while the manifest's text is made.
  func commit(_ dumps: [CompletedDump], _ manifest: Manifest, _ workers: Workers) throws {
    let text = Mutex<[UInt8]>([])
    try workers.forEach(dumps.count + 1) { _, index in
      if index == 0 {
        let json = try manifest.json()
        text.withLock { $0 = json }
      } else {
        try dumps[index - 1].commit(force: force)
      }
    }
    let file = try OutputFile(path: path(of: Self.manifestName))
    try file.write(text.withLock { $0 }, at: 0)
    // The directory is synced here, for what was renamed before, too.
    try file.commit(force: force)
  }
}
