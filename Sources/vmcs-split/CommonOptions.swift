import ArgumentParser
import FoundationEssentials
import StreamCore

/// What every command that reads a dump takes.
struct CommonOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The host's crash dump: kdump-compressed, an ELF core, flattened or not, all parts of a split set, a sadump (all volumes of a disk set), or a LiME "
        + "image; each may be wrapped in gzip, xz, zstd or LZ4. - is standard input.",
      valueName: "dump"))
  var dumps: [String]

  @Option(help: ArgumentHelp("A layout of the VMCS in the form that 'layout show' prints.", valueName: "file"))
  var layout: String?

  @Option(
    help: ArgumentHelp(
      "VMCSINFO, offsets read on a host with the same processor: text, binary, or a saved sysfs directory.",
      valueName: "path"))
  var vmcsinfo: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "The vmlinux and the modules (kvm.ko, kvm-intel.ko) of the host's kernel, for symbols and types that its dump lacks. "
        + "The dump stands before this option, or behind another.", valueName: "file"))
  var symbols: [String] = []

  @Option(
    help: ArgumentHelp(
      "The dump is raw memory, and this table says what stands where in it: lines of START-END [OFFSET] in hexadecimal, as "
        + "in /proc/iomem.", valueName: "file"))
  var ranges: String?

  @Option(help: "Worker threads (default: the machine's cores).")
  var threads: Int = Self.cores

  /// Asked once: a parser makes these options several times, and the answer takes files to read.
  static let cores = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Memory for buffers and plan together, as 512M or 2G.")
  var memory: String = "256M"

  @Flag(help: "Print one JSON document, and nothing else on standard output.")
  var json = false

  @Flag(name: .shortAndLong, help: "More: counters, sources, evidence; -vv: registers and near misses, too.")
  var verbose: Int

  @Flag(name: .shortAndLong, help: "No warnings and no summary.")
  var quiet = false

  @Flag(name: .customLong("no-progress"), help: "No progress bar.")
  var noProgress = false

  @Flag(help: "Look at every page of the host, also where its kernel names all guests: for guests that are gone.")
  var scan = false

  @Flag(name: .customLong("by-content"), help: .hidden)
  var byContent = false

  @Flag(name: .customLong("no-shapes"), help: .hidden)
  var noShapes = false

  @Flag(help: .hidden)
  var plain = false

  func validate() throws {
    guard (1...1024).contains(threads) else { throw ValidationError("--threads takes 1 to 1024, not \(threads)") }
    _ = try MemorySize(parsing: memory)
    if verbose > 0 && quiet { throw ValidationError("-v and -q exclude each other") }
  }

  /// The options as the library takes them; reads the layout file.
  func inspection(
    _ purpose: Inspection.Purpose, _ workers: Workers, _ progress: Progress
  ) throws -> Inspection.Options {
    var options = Inspection.Options(
      purpose, memory: try MemorySize(parsing: memory).budget, layout: try layout.map(Layout.init(file:)),
      vmcsinfo: try vmcsinfo.map(VMCSInfo.init(path:)), workers: workers, progress: progress)
    options.symbols = try SymbolFiles(paths: symbols, mapped: !plain)
    options.ranges = try ranges.map(RangeTable.init(file:))
    options.isPlain = plain
    options.scans = scan
    options.isByContent = byContent
    options.usesShapes = !noShapes
    if !quiet { options.spooling.notice = { Terminal.notice(text(of: $0)) } }
    return options
  }

  func beginProgress() -> Progress { noProgress || quiet ? .none : Terminal.beginProgress() }
}

/// What is said before an input is unwrapped.
private func text(of notice: Spooling.Notice) -> String {
  let size =
    switch notice.size {
    case .atLeast(let bytes): "of at least \(Size.text(bytes))"
    case .unknown: "of a size that is not known before"
    }
  let way = notice.form == "a pipe" ? "kept in" : "unwrapped into"
  return "\(notice.file): \(notice.form), \(way) an unnamed file in \(notice.directory) \(size); "
    + "\(Size.text(notice.free)) are free there"
}

/// Runs a command's body with progress and signals in place, and turns whatever it throws into one line and an exit
/// status.
func runCommand(
  _ options: CommonOptions, _ body: (Workers, Progress) throws -> ExitStatus
) throws {
  let cancellation = Cancellation(followsSignals: true)
  let status: ExitStatus
  do {
    status = try body(Workers(count: options.threads, cancellation: cancellation), options.beginProgress())
  } catch {
    throw report(error)
  }
  if status != .complete { throw ExitCode(status.code) }
}

/// Prints an error's line; what it returns is the exit status to throw.
func report(_ error: any Error) -> any Error {
  if error is ExitCode || error is ValidationError || error is CleanExit { return error }
  NotedSignals.whyIsSaid()
  guard let failure = Failure(error) else {
    Terminal.error("vmcs-split: a defect in vmcs-split, please report it: \(error)")
    return ExitCode(ExitStatus.defect.code)
  }
  Terminal.error("vmcs-split: \(explain(failure))")
  return ExitCode(failure.exitStatus(signal: NotedSignals.first).code)
}
