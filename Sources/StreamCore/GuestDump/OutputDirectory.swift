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

  /// Gives the dumps their names, and at the very end the manifest its own. What can fail or take long comes before the
  /// first name, and a wish to stop counts until then: after it the run completes.
  func commit(_ dumps: [CompletedDump], _ manifest: Manifest, _ workers: Workers) throws {
    let file = try OutputFile(path: path(of: Self.manifestName))
    // Syncing waits for the disk: several files do that side by side.
    try workers.forEach(dumps.count + 1) { _, index in
      if index > 0 { return try dumps[index - 1].sync() }
      try file.write(try manifest.json(), at: 0)
      try file.sync()
    }
    if workers.cancellation.isCancelled { throw Cancelled() }
    for dump in dumps { try dump.commit(force: force) }
    // The directory is synced here, for what was renamed before, too.
    try file.commit(force: force)
  }
}
