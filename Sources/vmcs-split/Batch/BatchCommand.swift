import ArgumentParser
import FoundationEssentials
import StreamCore

struct BatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "Split all host dumps of folders, and go on where an earlier run stopped.",
    discussion: """
      Writes DIR/DUMP-ID/ for each dump, with its guests and their manifest, and keeps DIR/batch.jsonl, by which the next \
      run skips what is done: a dump is known by all its bytes, whatever it is called. In folders what begins as a dump \
      does counts, and what is called like one (vmcore*, *.kdump). Runs into one DIR share the work.

      Exit status: 0 all done; 1 some have losses, as their manifests say; 65 some cannot be used; 74 some are worth \
      another try.
      """)

  @Argument(
    help: ArgumentHelp("Folders, dumps, quoted patterns, or - for a list on standard input.", valueName: "source"))
  var sources: [String] = []

  @Option(
    help: ArgumentHelp("A list of sources, one a line, or each ended by NUL; may be given again.", valueName: "file"))
  var from: [String] = []

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write; created if need be.", valueName: "dir"))
  var output: String

  @Option(help: ArgumentHelp("Dumps at a time.", valueName: "n"))
  var jobs = 1

  @Option(help: ArgumentHelp("Worker threads of all jobs together; the machine's cores by default.", valueName: "n"))
  var threads: Int = CommonOptions.cores

  @Option(help: ArgumentHelp("Memory for all jobs together, as 512M or 2G (default: 256M a job).", valueName: "size"))
  var memory: String?

  @Flag(name: .customLong("list-only"), help: "List the guests into DIR/DUMP-ID/list.json, and write none.")
  var listOnly = false

  @Option(
    help: ArgumentHelp(
      "Only dumps of hosts that crashed since then (UTC): 2026-11-30, 2026-11-30T18:30, 7d, 12h, @SECONDS.",
      valueName: "time"))
  var since: String?

  @Option(help: ArgumentHelp("Only part i of n of the dumps; their content says which.", valueName: "i/n"))
  var shard: String?

  @Option(help: ArgumentHelp("How often a dump is tried again after an I/O error or on a full disk.", valueName: "n"))
  var retries = 2

  @Option(
    name: .customLong("retry-after"),
    help: ArgumentHelp("Time before that; it goes on at once when there is more room.", valueName: "seconds"))
  var retryAfter = 60.0

  @Option(
    name: .customLong("time-limit"),
    help: ArgumentHelp(
      "How long the work on one dump may take before it is ended, and left to the next run.", valueName: "seconds"))
  var timeLimit: Double?

  @Flag(name: .customLong("keep-going"), inversion: .prefixedNo, help: "After a failure do the rest all the same.")
  var keepGoing = true

  @Option(help: ArgumentHelp("Write the outcome for node_exporter's textfile collector.", valueName: "file"))
  var textfile: String?

  @OptionGroup var work: BatchWorkOptions

  @Flag(help: "Print one JSON document, and nothing else on standard output.")
  var json = false

  @Flag(name: .shortAndLong, help: "Also dumps that were done before, and files that are none.")
  var verbose = false

  @Flag(name: .shortAndLong, help: "No lines on the way and no summary.")
  var quiet = false

  private static var now: Int64 { Int64(Date().timeIntervalSince1970) }

  func validate() throws {
    if output.isEmpty { throw ValidationError("--output is empty: it takes a directory") }
    if sources.isEmpty && from.isEmpty { throw ValidationError("there is no source: give folders or dumps, or --from") }
    guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes 1 to 256, not \(jobs)") }
    guard (1...1024).contains(threads) else { throw ValidationError("--threads takes 1 to 1024, not \(threads)") }
    guard (0...100).contains(retries) else { throw ValidationError("--retries takes 0 to 100, not \(retries)") }
    guard (0...86_400).contains(retryAfter) else {
      throw ValidationError("--retry-after takes 0 to 86400 seconds, not \(retryAfter)")
    }
    if let timeLimit, !(1...10_000_000).contains(timeLimit) {
      throw ValidationError("--time-limit takes 1 to 10000000 seconds, not \(timeLimit)")
    }
    let bytes = try memoryBytes()
    guard bytes / UInt64(jobs) >= Batch.leastMemory else {
      throw ValidationError("--memory \(memory ?? "") is too little for \(jobs) jobs: each needs 16M")
    }
    if let since, BatchTime.seconds(of: since, now: Self.now) == nil {
      throw ValidationError("--since takes a time as 2026-11-30, 2026-11-30T18:30, 7d, 12h or @SECONDS, not \(since)")
    }
    if let shard, BatchShard(shard) == nil { throw ValidationError("--shard takes i/n as 2/8, not \(shard)") }
    if listOnly, let option = work.ofSplit.first {
      throw ValidationError("\(option) is for writing guests, and --list-only writes none")
    }
    if verbose && quiet { throw ValidationError("-v and -q exclude each other") }
  }

  private func memoryBytes() throws -> UInt64 {
    try memory.map { try MemorySize(parsing: $0).budget.total } ?? UInt64(jobs) << 28
  }

  func run() throws {
    do {
      let status = try runBatch()
      if status != .complete { throw ExitCode(status.code) }
    } catch {
      throw report(error)
    }
  }

  private func runBatch() throws -> ExitStatus {
    var batch = Batch(sources: try allSources(), output: output)
    batch.jobs = jobs
    batch.threads = threads
    batch.memory = try memoryBytes()
    batch.isList = listOnly
    batch.since = since.flatMap { BatchTime.seconds(of: $0, now: Self.now) }
    batch.shard = shard.flatMap(BatchShard.init)
    batch.retries = retries
    batch.pause = retryAfter
    batch.timeLimit = timeLimit
    batch.keepsGoing = keepGoing
    batch.childOptions = try work.checked()
    let report = BatchReport(output: output, isVerbose: verbose)
    if !quiet { batch.note = { report.tell($0) } }
    let summary = try batch.run(Cancellation(followsSignals: true))
    let status = summary.exitStatus
    if json {
      Terminal.document(String(decoding: try summary.json(), as: UTF8.self))
    } else if !quiet {
      report.print(summary)
    }
    if let textfile { try BatchTextfile.write(summary, status: status, time: Self.now, to: textfile) }
    return status
  }

  private func allSources() throws -> [String] {
    let lists = from + sources.filter { $0 == "-" }
    return try sources.filter { $0 != "-" } + lists.flatMap { try Batch.sources(inList: $0) }
  }
}

/// What `split` is given for each dump of a batch.
struct BatchWorkOptions: ParsableArguments {
  @Option(help: "Format of the guests' dumps, as split takes it.")
  var format: String?

  @Option(help: "Codec of the guests' kdumps, as split takes it.")
  var compress: String?

  @Flag(help: "Decode every page, also those that are passed through as stored.")
  var verify = false

  @Option(help: "Put each output's checksum into its manifest: sha256.")
  var checksum: ChecksumKind?

  @Flag(help: "Look at every page of the hosts, also where their kernels name all guests.")
  var scan = false

  @Option(help: ArgumentHelp("A layout of the VMCS, as split takes it.", valueName: "file"))
  var layout: String?

  @Option(help: ArgumentHelp("VMCSINFO of the hosts' processors, as split takes it.", valueName: "path"))
  var vmcsinfo: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "The vmlinux and the modules of the hosts' kernel, as split takes them: dumps of other kernels end as unusable.",
      valueName: "file"))
  var symbols: [String] = []

  /// Options that `list` does not have, as they are given.
  var ofSplit: [String] {
    (format.map { ["--format", $0] } ?? []) + (compress.map { ["--compress", $0] } ?? [])
      + (verify ? ["--verify"] : []) + (checksum.map { ["--checksum", $0.rawValue] } ?? [])
  }

  /// As a child takes them.
  /// - Throws: what is wrong with them: it would be wrong for each dump.
  func checked() throws -> [String] {
    if let layout { _ = try Layout(file: layout) }
    if let vmcsinfo { _ = try VMCSInfo(path: vmcsinfo) }
    _ = try SymbolFiles(paths: symbols, mapped: false)
    if !ofSplit.isEmpty { _ = try SplitCommand.parse(["dump", "--output", "dir"] + ofSplit) }
    return ofSplit + (scan ? ["--scan"] : []) + (layout.map { ["--layout", $0] } ?? [])
      + (vmcsinfo.map { ["--vmcsinfo", $0] } ?? []) + (symbols.isEmpty ? [] : ["--symbols"] + symbols)
  }
}

/// A look at one file, by a child of a batch.
struct BatchLookCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch-look", abstract: "What a batch wants to know of a file.", shouldDisplay: false)

  @Argument var file: String
  @Flag var named = false
  @Option var since: Int64?
  @Option(name: .customLong("file-time")) var fileTime: Int64
  @Option var shard: String?

  func run() throws {
    do {
      let question = DumpLook.Question(
        isNamed: named, since: since, fileTime: fileTime, shard: shard.flatMap(BatchShard.init))
      Terminal.document(String(decoding: try DumpLook.look(at: file, question).json(), as: UTF8.self))
    } catch {
      throw report(error)
    }
  }
}
