/// The directory that the outputs go to, kept from other runs as long as this one works.
struct OutputDirectory {
  static let manifestName = "manifest.json"
  let place: OutputPlace
  let force: Bool

  /// Tells before any work whether `path` can be written to, as far as that shows; makes nothing that stays.
  static func probe(_ path: String) throws(OutputError) {
    do throws(SystemError) { try OutputPlace.probe(path) } catch { throw .cannotCreate(error) }
  }

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

  /// What the outputs must not replace, and what they go on with.
  struct Before: Sendable {
    /// An earlier run's manifest.
    var manifest: EarlierManifest?
    /// It is of the same input, and its guests stay.
    var isContinued = false
    /// Files of ours that must not be removed, whatever a manifest says.
    var input: Set<FileIdentity> = []
  }

  /// Refuses files that are the input, and without `force` those that are there already; but a manifest of the same
  /// input, which is gone on with.
  /// - Parameter manifest: this run's, as far as it is known before anything is written.
  func refuse(_ dumps: [String], _ manifest: Manifest, input: Set<FileIdentity>) throws -> Before {
    for name in dumps + [Self.manifestName] {
      if let identity = place.identity(of: name), input.contains(identity) {
        throw OutputError.isInput(path: place.path(of: name))
      }
    }
    if !force, let taken = dumps.first(where: place.has) { throw OutputError.exists(path: place.path(of: taken)) }
    guard place.has(Self.manifestName) else { return Before(input: input) }
    let earlier = EarlierManifest((try? place.content(of: Self.manifestName)) ?? [])
    let isContinued = try earlier?.isOfSameInput(as: manifest) ?? false
    if !force && !isContinued { throw OutputError.otherInput(path: place.path(of: Self.manifestName)) }
    return Before(manifest: earlier, isContinued: isContinued, input: input)
  }

  /// Gives the dumps their names, and at the very end the manifest its own. What can fail or take long comes before the
  /// first name, and a wish to stop counts until then: after it the run completes. Files that only the manifest before
  /// named go last.
  func commit(
    _ dumps: [CompletedDump], _ manifest: Manifest, after before: Before = Before(), _ workers: Workers
  ) throws {
    let file = try OutputFile(Self.manifestName, in: place)
    let (document, unnamed) = try document(manifest, after: before)
    // Syncing waits for the disk: several files do that side by side.
    try workers.forEach(dumps.count + 1) { _, index in
      if index > 0 { return try dumps[index - 1].sync() }
      try file.write(document, at: 0)
      try file.sync()
    }
    if workers.cancellation.isCancelled { throw Cancelled() }
    let replaced = HeldFiles(unnamed + (force ? manifest.guests.compactMap(\.output?.file) : []), in: place)
    for dump in dumps { try dump.commit(force: force) }
    // The directory is synced here, for what was renamed before, too.
    try file.commit(force: force || before.isContinued)
    let named = Set(manifest.guests.compactMap(\.output?.file))
    for name in unnamed where !named.contains(name) && name != Self.manifestName {
      if let identity = place.identity(of: name), !before.input.contains(identity) { place.remove(name) }
    }
    replaced.letGo(workers)
  }

  /// The manifest's text, and files of ours that it does not name.
  private func document(_ manifest: Manifest, after before: Before) throws -> (bytes: [UInt8], unnamed: [String]) {
    if before.isContinued, let earlier = before.manifest {
      return try earlier.merged(into: manifest) { place.has($0) }
    }
    return (try manifest.json(), before.manifest?.files ?? [])
  }
}

/// Files that are replaced. To free what they take is long work, which the file system does under the directory's lock
/// when a name goes; held, they keep it until all names are given, and then it is done side by side.
struct HeldFiles {
  private let files: [HeldFile]

  init(_ names: [String], in place: OutputPlace) { files = names.compactMap(place.hold) }

  func letGo(_ workers: Workers) {
    let files = files
    _ = workers.mapAll(files.count) { files[$0].letGo() }
  }
}
