/// What is asked of a split: which guests of an inspected dump, where to and in which form.
public struct Split: Sendable {
  let inspection: Inspection
  /// Where the outputs go; created when it is not there.
  let directory: String
  /// Numbers, names, VMMs' numbers or UUIDs of the guests that are wanted; empty: all.
  let guests: [String]
  let format: GuestDumpFormat
  /// `nil`: the input's own.
  let codec: PageCodec?
  /// Every page is decoded, also those that are passed through.
  let verifies: Bool
  /// The manifest holds each output's SHA-256.
  let checksums: Bool
  let force: Bool
  let memory: MemoryBudget

  public init(
    inspection: Inspection, directory: String, guests: [String] = [], format: GuestDumpFormat, codec: PageCodec?,
    verifies: Bool = false, checksums: Bool = false, force: Bool = false, memory: MemoryBudget = MemoryBudget()
  ) {
    self.inspection = inspection
    self.directory = directory
    self.guests = guests
    self.format = format
    self.codec = codec
    self.verifies = verifies
    self.checksums = checksums
    self.force = force
    self.memory = memory
  }

  /// Tells before the dump is looked at whether the outputs can be written where they shall go.
  /// - Throws: `Failure`.
  public static func probe(directory: String) throws {
    try Failure.from { try OutputDirectory.probe(directory) }
  }

  /// Writes the dumps.
  /// - Returns: the manifest, also where it lists what is missing.
  /// - Throws: `Failure`; anything else is a defect.
  public func run(_ workers: Workers, _ progress: Progress) throws -> Manifest {
    let workers = inspection.isPlain ? Workers(count: 1, cancellation: workers.cancellation) : workers
    return try Failure.from(inspection.dump) { try run(try wantedGuests(), workers, progress) }
  }

  private func wantedGuests() throws(Failure) -> [Guest] {
    guard !guests.isEmpty else { return inspection.guests }
    var ids: Set<Int> = []
    for name in guests { ids.insert(try inspection.guest(named: name).id) }
    return inspection.guests.filter { ids.contains($0.id) }
  }

  /// Those of the guests of which the dump holds at least a page in clear text, the kernel's zero pages apart.
  func stored(of wanted: [Guest]) throws(Failure) -> [Guest] {
    let clear = wanted.filter { !$0.isEncrypted }
    guard wanted.isEmpty || !clear.isEmpty else { throw .allEncrypted(wanted.map(\.name)) }
    let stored = clear.filter { $0.map.heldPages > 0 }
    guard !stored.isEmpty else {
      throw .nothingStored(
        pages: clear.reduce(0) { $0 + $1.map.knownPages },
        lost: clear.reduce(0) { $0 + $1.map.faults.count + $1.map.absent[.lost, default: 0] },
        dumpLevel: inspection.dump.summary.dumpLevel)
    }
    return stored
  }

  /// Where the outputs go, taken for this run, and what it goes on with there.
  func outputDirectory(for stored: [Guest]) throws -> (OutputDirectory, OutputDirectory.Before) {
    let output = try OutputDirectory(path: directory, force: force)
    let input = inspection.dump.input.source.identities
    return (output, try output.refuse(stored.map(fileName), inspection.manifest(), input: input))
  }

  func fileName(_ guest: Guest) -> String { "\(guest.name).\(format.fileExtension)" }

  /// - Parameter count: guests that share the writers' memory.
  func open(_ guest: Guest, in output: OutputDirectory, among count: Int) throws -> GuestOutput {
    let image = GuestImage(of: guest, codec: outputCodec)
    return GuestOutput(
      owner: guest.mapped.group.index,
      writer: try format.open(image, fileName(guest), output.place, memory.writers / count))
  }

  func extraction(of guests: [Guest], into outputs: [GuestOutput], _ workers: Workers) throws -> Extraction {
    let dump = inspection.dump
    let again = HostMemory(dump, decoders: inspection.decoders, purpose: .maps)
    let plan = try ExtractionPlan(
      guests.map(\.mapped), kept: inspection.extents, capacity: memory.extents, memory: again, workers: workers)
    return Extraction(
      dump: dump, zeroFrames: guests.first?.mapped.mapper.zeroFrames ?? FrameBitmap(),
      swapped: guests.first { $0.map.sources[.zswap, default: 0] > 0 }?.memory.swapped, plan: plan, outputs: outputs,
      target: outputCodec,
      keepsStored: codec == nil && outputCodec == dump.summary.codec ?? .raw && format.storesAnyCodec,
      verifies: verifies || inspection.isPlain, memory: memory.steps, decoders: inspection.decoders)
  }

  /// The codec asked for, else the input's; an input without one gives LZO. Source: Documentation/design.md §5.
  private var outputCodec: PageCodec {
    guard format.storesAnyCodec else { return .raw }
    return codec ?? inspection.dump.summary.codec ?? .lzo
  }
}
