/// The directory that the outputs go to, kept from other runs as long as this one works.
struct OutputDirectory {
  static let manifestName = "manifest.json"
  let place: OutputPlace
  let force: Bool

  /// Creates the directory, mode 0700, and those above it, and takes it for this run. Nothing else is written before.
  /// - Parameters:
  ///   - path: as the user gave it.
  ///   - force: files that are there already are replaced.
  init(path: String, force: Bool) throws(OutputError) {
    self.force = force
    let isOurs: Bool
    do throws(SystemError) {
      try FileSystem.makeDirectories(path, mode: 0o700)
      place = try OutputPlace(path: path)
      isOurs = try place.lock()
    } catch {
      throw .cannotCreate(error)
    }
    guard isOurs else { throw .inUse(path: path) }
  }

  /// Refuses files that are the input, and without `force` those that are there already.
  func refuse(_ files: [String], input: Set<FileIdentity>) throws(OutputError) {
    for name in files {
      if let identity = place.identity(of: name), input.contains(identity) {
        throw .isInput(path: place.path(of: name))
      }
      if !force, place.has(name) { throw .exists(path: place.path(of: name)) }
    }
  }

  /// Gives the dumps their names, and at the very end the manifest its own. What can fail or take long comes before the
  /// first name, and a wish to stop counts until then: after it the run completes.
  func commit(_ dumps: [CompletedDump], _ manifest: Manifest, _ workers: Workers) throws {
    let file = try OutputFile(Self.manifestName, in: place)
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
