import ArgumentParser
import StreamCore

struct SplitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split", abstract: "Write a dump of each guest of a host dump.",
    discussion: """
      Writes DIR/GUEST.kdump (or .elf) for each guest, and DIR/manifest.json with what was found, where it comes from and \
      what is missing. Ends with 0 when nothing is missing, with 1 when something is.
      """)

  @OptionGroup var common: CommonOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write; created if need be.", valueName: "dir"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Only this guest, by number, name, PID of its VMM or UUID; may be given again.", valueName: "guest"))
  var guest: [String] = []

  @Option(help: "Format of the guests' dumps: \(Self.formats).")
  var format: String = "kdump"

  @Option(help: "Codec of the guests' kdumps: same (as the host's), raw, zlib, lzo, snappy or zstd.")
  var compress: String = "same"

  @Flag(help: "Decode every page, also those that are passed through as stored.")
  var verify = false

  @Option(help: "Put each output's checksum into the manifest: sha256.")
  var checksum: ChecksumKind?

  @Flag(help: "Replace outputs that exist.")
  var force = false

  private static let formats = guestDumpFormats.map(\.name).joined(separator: " or ")

  func validate() throws {
    if output.isEmpty { throw ValidationError("--output is empty: it takes a directory") }
    guard guestDumpFormats.contains(where: { $0.name == format }) else {
      throw ValidationError("--format takes \(Self.formats), not \(format)")
    }
    guard compress == "same" || PageCodec.allCases.contains(where: { $0.name == compress }) else {
      throw ValidationError("--compress takes same, raw, zlib, lzo, snappy or zstd, not \(compress)")
    }
    if format == "elf" && compress != "same" && compress != "raw" {
      throw ValidationError("--compress \(compress): an ELF core holds raw pages; leave it out, or use --format kdump")
    }
  }

  func run() throws {
    ProcessMemory.keepLargeBlocks()
    try runCommand(common) { workers, progress in
      guard let format = guestDumpFormats.first(where: { $0.name == format }) else {
        throw ExitCode(ExitStatus.wrongUsage.code)
      }
      try Split.probe(directory: output)
      var options = try common.inspection(.split, workers, progress)
      options.spooling.directory = output
      let inspection = try Inspection.run(paths: common.dumps, options)
      let split = Split(
        inspection: inspection, directory: output, guests: guest, format: format,
        codec: PageCodec.allCases.first { $0.name == compress }, verifies: verify,
        checksums: checksum != nil, force: force, memory: options.memory)
      let manifest = try split.run(workers, progress)
      try Report(manifest, of: inspection, common).printSplit(directory: output)
      return manifest.exitStatus
    }
  }
}

enum ChecksumKind: String, ExpressibleByArgument, CaseIterable { case sha256 }

/// A size as users write it: bytes, or with K, M, G or T.
struct MemorySize {
  let budget: MemoryBudget

  init(parsing text: String) throws {
    let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
    var digits = Substring(text.uppercased())
    var shift: UInt64 = 0
    if let last = digits.last, let unit = shifts[last] {
      shift = unit
      digits.removeLast()
    }
    guard let number = UInt64(digits), number > 0, number <= UInt64.max >> shift, number << shift >= 16 << 20 else {
      throw ValidationError("--memory takes a size of at least 16M, as 512M or 2G, not \(text)")
    }
    budget = MemoryBudget(total: number << shift)
  }
}
