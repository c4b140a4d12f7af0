extension Inspection {
  /// The way through the house, first half: from a host's dump to its guests. Each step stands with its room.
  static func run(_ source: ByteSource, _ options: Options) throws -> Inspection {
    let checkpoint = Checkpoint(source, options.workers, options.symbols.sources)
    // Open: HostDump.
    let dump = try checkpoint.step { try options.open(source) }
    return try Failure.from(dump) { try run(dump, checkpoint, options) }
  }

  private static func run(_ dump: any HostDump, _ checkpoint: Checkpoint, _ options: Options) throws -> Inspection {
    let (workers, decoders) = (options.workers, options.decoders)
    let memory = HostMemory(dump, decoders: decoders, cachedPages: options.memory.cachedPages)
    let sources = LayoutSources(of: dump, layout: options.layout, vmcsinfo: options.vmcsinfo)
    var findings = Findings(dump, sources)
    // Ask the host's kernel: Linux, KVM. What it does not name, scan for: Discovery, in one pass for all layouts.
    let asked = try checkpoint.step { try HostWord(dump.vmcoreinfo, memory, options.question) }
    let scan = try checkpoint.step {
      try HeadScan.run(
        dump, memory, named: options.scans ? nil : asked.regionFrames, heads: sources.heads, decoders: decoders,
        workers: workers, progress: options.progress, isPlain: options.isPlain)
    }
    // Agree on a layout: Host. Prove what it reads: KVM.
    var finder = HostFinder(dump: dump, memory: memory, decoders: decoders, word: asked, scan: scan, workers: workers)
    let host = try checkpoint.step { try finder.findHost(sources.list) }
    findings.note(finder.word, scan, host, of: dump)
    // Group, map, identify: Guest.
    let storage = options.mapStorage(zeroFrames: finder.word.zeroFrames, scan)
    let mapping = try checkpoint.step {
      try GuestMapping(dump: dump, memory: memory, storage: storage, workers: workers, progress: options.progress)
        .run(GroupedGuest.group(host.vms), vmcoreinfo: scan.vmcoreinfo)
    }
    let claims = try checkpoint.step { try mapping.settle(workers) }
    let guests = try checkpoint.step {
      try Guest.identify(claims.kept, isScanned: scan.isOfAllPages, by: finder.word.clock, workers)
    }
    findings.note(guests, mapping, claims)
    return Inspection(
      dump: dump, memory: memory, guests: guests, layout: host.layout, unknownLayout: host.unknown, findings: findings,
      decoders: decoders, extents: storage.extents, isPlain: options.isPlain, word: finder.word, checkpoint: checkpoint)
  }
}

extension Split {
  /// The second half: from the guests to their dumps. Every output gets its name at the very end, the manifest last.
  func run(_ wanted: [Guest], _ workers: Workers, _ progress: Progress) throws -> Manifest {
    let checkpoint = Checkpoint(inspection.dump.input.source, workers)
    let stored = try stored(of: wanted)
    let (output, before) = try outputDirectory(for: stored)
    // Open the outputs: GuestDump. Plan and extract: Extraction.
    let outputs = try workers.map(stored) { try open($0, in: output, among: stored.count) }
    let extraction = try checkpoint.step { try self.extraction(of: stored, into: outputs, workers) }
    progress.begin(.extract, total: stored.reduce(0) { $0 + $1.map.presentPages })
    let outcome = try checkpoint.step { try extraction.run(workers: workers, progress: progress) }
    // Finish: GuestDump, Manifest.
    let dumps = try checkpoint.step { try workers.map(outputs) { try $0.writer.complete().summed(checksums) } }
    let manifest = manifest(outcome, of: stored, among: wanted, dumps.map(\.summary))
    try output.commit(dumps, manifest, after: before, workers)
    return manifest
  }
}
