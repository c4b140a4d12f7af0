import Foundation

/// A host dump that contenders read.
struct HostFile: Sendable {
  /// The directory under the dumps.
  let host: String
  let codec: String
  /// The path under the dumps.
  let path: String

  init(_ host: String, _ codec: String, _ file: String) {
    self.host = host
    self.codec = codec
    path = "\(host)/\(file)"
  }
}

/// The host dumps, in the order of the results. One line more measures one dump more.
let hostFiles = [
  HostFile("haswell", "LZO", "host.lzo.kdump"),
  HostFile("haswell", "zlib", "host.zlib.kdump"),
]

/// `list` and `split` of one host dump against what people would use instead.
struct HostRace {
  let file: HostFile
  let dumps: URL
  let programs: Programs
  let workspace: Workspace

  private var dump: String { dumps.appending(path: file.path).path }

  /// Splits the dump once, unmeasured, for `cp` to have something to copy, and lines the contenders up.
  func prepare() throws -> Race {
    guard let size = try? FileManager.default.attributesOfItem(atPath: dump)[.size] as? Int else {
      throw BenchError.missing(
        what: file.path, advice: "--dumps or VMCS_SPLIT_DUMPS name the directory of the real host dumps")
    }
    let reference = try workspace.empty("reference")
    _ = try workspace.run(splitCommand(into: reference), for: "split")
    let written = try Workspace.files(in: reference)
    guard !written.isEmpty else { throw BenchError.noOutput(contender: "split", what: "its output directory") }
    let bytes = written.reduce(0) { $0 + $1.size }
    return Race(
      title: "\(file.host), \(file.codec)",
      facts: [
        "the host dump `\(file.path)` has \(size) bytes; `split` writes \(written.count) files, \(bytes) bytes"
      ],
      entries: [list(), pages(), split(written), copy(reference, written), refilter()],
      comparisons: [
        Comparison(title: "libkdumpfile ÷ list", over: ["libkdumpfile"], under: ["list"]),
        Comparison(title: "split ÷ (list + cp)", over: ["split"], under: ["list", "cp"]),
        Comparison(title: "split ÷ cp", over: ["split"], under: ["cp"]),
        Comparison(title: "makedumpfile ÷ split", over: ["makedumpfile"], under: ["split"]),
      ])
  }

  private func splitCommand(into directory: URL) -> Command {
    Command(program: programs.vmcsSplit, arguments: ["split", dump, "--output", directory.path])
  }

  private func list() -> Entry {
    .ready(
      Contender(
        name: "list", meaning: "`vmcs-split list DUMP`",
        commands: [Command(program: programs.vmcsSplit, arguments: ["list", dump])], product: .text(quoted: false)))
  }

  private func pages() -> Entry {
    let name = "libkdumpfile"
    guard let reader = programs.pageReader.path else {
      return .skipped(name: name, reason: programs.pageReader.reason)
    }
    return .ready(
      Contender(
        name: name, meaning: "`kdumpfile-pages DUMP`: a C program that reads every stored page through libkdumpfile",
        commands: [Command(program: reader, arguments: [dump])], product: .text(quoted: true)))
  }

  /// The manifest holds seconds among its counters, so its size may vary; the sizes of the guest dumps may not.
  private func split(_ written: [(name: String, size: Int)]) -> Entry {
    let sizes = written.map { ($0.name, $0.name == "manifest.json" ? nil : Optional($0.size)) }
    let directory = "split"
    return .ready(
      Contender(
        name: "split", meaning: "`vmcs-split split DUMP --output OUT`: same codec; it syncs what it writes",
        commands: [splitCommand(into: workspace.directory(directory))],
        product: .files(directory: directory, sizes: Dictionary(uniqueKeysWithValues: sizes))))
  }

  private func copy(_ reference: URL, _ written: [(name: String, size: Int)]) -> Entry {
    let directory = "copy"
    let target = workspace.directory(directory)
    let from = written.map { reference.appending(path: $0.name).path }
    let to = written.map { target.appending(path: $0.name).path }
    let sizes = written.map { ($0.name, Optional($0.size)) }
    return .ready(
      Contender(
        name: "cp", meaning: "`cp` of the files that `split` writes, then `sync -d` of each",
        commands: [
          Command(program: programs.cp, arguments: from + [target.path]),
          Command(program: programs.sync, arguments: ["-d"] + to),
        ],
        product: .files(directory: directory, sizes: Dictionary(uniqueKeysWithValues: sizes))))
  }

  private func refilter() -> Entry {
    let name = "makedumpfile"
    guard let makedumpfile = programs.makedumpfile.path else {
      return .skipped(name: name, reason: programs.makedumpfile.reason)
    }
    let directory = name
    let output = workspace.directory(directory).appending(path: "host.kdump")
    return .ready(
      Contender(
        name: name, meaning: "`makedumpfile -l -d 1 DUMP OUT`: the whole host again, LZO; it does not sync",
        commands: [Command(program: makedumpfile, arguments: ["-l", "-d", "1", dump, output.path])],
        product: .files(directory: directory, sizes: ["host.kdump": nil])))
  }
}
