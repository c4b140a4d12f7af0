import Synchronization

/// The way through the house: an inspected host dump in, one dump per guest and a manifest out (design §3.6 to §3.8).
public struct Split: Sendable {
  public let inspection: Inspection
  /// Where the outputs go; created when it is not there.
  public let directory: String
  /// Numbers or names of the guests that are wanted; empty: all.
  public let guests: [String]
  public let format: GuestDumpFormat
  /// `nil`: the input's own.
  public let encoding: PageEncoding?
  public let verifies: Bool
  public let force: Bool
  public let memory: MemoryBudget

  public init(
    inspection: Inspection, directory: String, guests: [String] = [], format: GuestDumpFormat, encoding: PageEncoding?,
    verifies: Bool = false, force: Bool = false, memory: MemoryBudget = MemoryBudget()
  ) {
    self.inspection = inspection
    self.directory = directory
    self.guests = guests
    self.format = format
    self.encoding = encoding
    self.verifies = verifies
    self.force = force
    self.memory = memory
  }

  /// Writes the dumps. Every output gets its name at the very end, the manifest last.
  /// - Returns: the manifest, also where it lists what is missing.
  public func run(_ workers: Workers, _ progress: Progress) throws -> Manifest {
    let workers = inspection.isPlain ? Workers(count: 1, cancellation: workers.cancellation) : workers
    let wanted = try wantedGuests()
    let stored = wanted.filter { $0.map.presentPages > 0 }
    guard !stored.isEmpty else {
      throw Failure.nothingStored(
        pages: wanted.reduce(0) { $0 + $1.map.knownPages }, dumpLevel: inspection.dump.summary.dumpLevel)
    }
    let output = OutputDirectory(path: directory, force: force)
    try output.prepare(files: stored.map(fileName) + [OutputDirectory.manifestName])

    let target = outputEncoding
    let room = memory.writers / stored.count
    let writers = try workers.map(stored) { guest in
      do throws(GuestDumpError) {
        return try format.open(image(of: guest, target), output.path(of: fileName(guest)), room)
      } catch .system(let error) {
        throw Failure.cannotCreate(error)
      }
    }
    let extraction = Extraction(
      dump: inspection.dump, plan: try plan(stored, workers), writers: writers, target: target,
      keepsStored: encoding == nil && target == inspection.dump.summary.encoding && format.storesAnyEncoding,
      verifies: verifies || inspection.isPlain, memory: memory.steps, decoders: inspection.decoders)
    progress.begin(.extract, total: stored.reduce(0) { $0 + $1.map.presentPages })
    let outcome = try extraction.run(workers: workers, progress: progress)

    let dumps = try workers.map(writers) { try $0.complete() }
    let manifest = manifest(outcome, of: stored, among: wanted, dumps.map(\.summary))
    let text = Mutex<[UInt8]>([])
    // Syncing waits for the disk: several files do that side by side, while the text is made.
    try workers.forEach(dumps.count + 1) { _, index in
      if index == 0 {
        let json = try manifest.json()
        text.withLock { $0 = json }
      } else {
        try dumps[index - 1].commit(force: force)
      }
    }
    try output.write(text.withLock { $0 }, to: OutputDirectory.manifestName)
    return manifest
  }

  private func manifest(
    _ outcome: Extraction.Outcome, of stored: [Guest], among wanted: [Guest], _ summaries: [OutputSummary]
  ) -> Manifest {
    var manifest = inspection.manifest()
    manifest.add(outcome, of: stored, summaries, names: stored.map(fileName))
    for guest in stored where format.storesAnyEncoding && guest.identity?.isKernelInFirstCR3 == false {
      // Seen with drgn 0.3.0: a kdump's virtual addresses go through the first QEMU note's CR3, an ELF core's do not.
      let text =
        "\(guest.name): vCPU 0's CR3 does not map its kernel: drgn 0.3 needs --format elf to read virtual addresses"
      manifest.warnings.append(.init(code: "first_cr3", text: text))
    }
    for guest in wanted where guest.map.presentPages == 0 {
      let text = "\(guest.name): none of its \(guest.map.knownPages) pages is in the host dump: not written"
      manifest.warnings.append(.init(code: "not_written", text: text))
    }
    return manifest
  }

  private func wantedGuests() throws(Failure) -> [Guest] {
    guard !guests.isEmpty else { return inspection.guests }
    var ids: Set<Int> = []
    for name in guests { ids.insert(try inspection.guest(named: name).id) }
    return inspection.guests.filter { ids.contains($0.id) }
  }

  private func fileName(_ guest: Guest) -> String { "\(guest.name).\(format.fileExtension)" }

  /// The codec asked for, else the input's; an ELF input, which has none, gives LZO (design §5).
  private var outputEncoding: PageEncoding {
    guard format.storesAnyEncoding else { return .raw }
    if let encoding { return encoding }
    return inspection.dump.summary.format == "elf" ? .lzo : inspection.dump.summary.encoding
  }

  private func plan(_ guests: [Guest], _ workers: Workers) throws -> ExtractionPlan {
    let again = HostMemory(inspection.dump, decoders: inspection.decoders, purpose: .maps)
    return try ExtractionPlan(
      guests, kept: inspection.extents, capacity: memory.extents, memory: again, workers: workers)
  }

  private func image(of guest: Guest, _ encoding: PageEncoding) -> GuestImage {
    let identity = guest.identity
    return GuestImage(
      vcpus: guest.vcpus.map(\.state), vmcoreinfo: identity?.vmcoreinfo.text,
      utsname: identity?.utsname ?? UTSName.placeholder, physBase: identity?.physBase ?? 0, known: guest.map.known,
      present: guest.map.present, encoding: encoding, directMapBase: identity?.directMap?.rawValue,
      kernelImage: (identity?.image ?? []).map {
        KernelImageSegment(virtual: $0.virtual, physical: $0.physical, bytes: $0.count)
      })
  }
}

extension GuestDumpFormat {
  /// The format records a codec for each page; the others hold raw pages.
  var storesAnyEncoding: Bool { encodings.count > 1 }
}
