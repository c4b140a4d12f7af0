import Foundation

/// `list` and `split` of one host dump against what people would use instead.
struct HostRace {
  let input: InputDump
  let programs: Programs
  let workspace: Workspace

  /// Splits the dump once, unmeasured, for `cp` to have something to copy, and lines the contenders up.
  func prepare() throws -> Race {
    let size = try input.size()
    let reference = try workspace.empty("reference")
    _ = try workspace.run(splitCommand(into: reference), for: "split")
    let written = try Workspace.files(in: reference)
    guard !written.isEmpty else { throw BenchError.noOutput(contender: "split", what: "its output directory") }
    let bytes = written.reduce(0) { $0 + $1.size }
    return Race(
      title: input.title,
      facts: [
        "the host dump, \(input.origin), has \(size) bytes; `split` writes \(written.count) files, \(bytes) bytes"
      ],
      entries: [input.list(programs), pages(), split(written), copy(reference, written), refilter()],
      comparisons: [
        Comparison(title: "libkdumpfile ÷ list", over: ["libkdumpfile"], under: ["list"]),
        Comparison(title: "split ÷ (list + cp)", over: ["split"], under: ["list", "cp"]),
        Comparison(title: "split ÷ cp", over: ["split"], under: ["cp"]),
        Comparison(title: "makedumpfile ÷ split", over: ["makedumpfile"], under: ["split"]),
      ])
  }

  private func splitCommand(into directory: URL) -> Command {
    Command(program: programs.vmcsSplit, arguments: ["split", input.path, "--output", directory.path])
  }

  private func pages() -> Entry {
    let name = "libkdumpfile"
    guard let reader = programs.pageReader.path else {
      return .skipped(name: name, reason: programs.pageReader.reason)
    }
    return .ready(
      Contender(
        name: name, meaning: "`kdumpfile-pages DUMP`: a C program that reads every stored page through libkdumpfile",
        commands: [Command(program: reader, arguments: [input.path])], product: .text(quoted: true)))
  }

  private func split(_ written: [(name: String, size: Int)]) -> Entry {
    let directory = "split"
    return .ready(
      Contender(
        name: "split", meaning: "`vmcs-split split DUMP --output OUT`: same codec; it syncs what it writes",
        commands: [splitCommand(into: workspace.directory(directory))],
        product: .guests(directory: directory, written)))
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
    guard !programs.makedumpfileLacks.contains(input.codec) else {
      return .skipped(name: name, reason: "it says that it was built without \(input.codec)")
    }
    let directory = name
    let output = workspace.directory(directory).appending(path: "host.kdump")
    return .ready(
      Contender(
        name: name, meaning: "`makedumpfile -l -d 1 DUMP OUT`: the whole host again, LZO; it does not sync",
        commands: [Command(program: makedumpfile, arguments: ["-l", "-d", "1", input.path, output.path])],
        product: .files(directory: directory, sizes: ["host.kdump": nil])))
  }
}

extension Contender.Product {
  /// What `split` writes: the sizes of the guest dumps are known; the manifest holds seconds among its counters, so
  /// its size may vary.
  static func guests(directory: String, _ written: [(name: String, size: Int)]) -> Contender.Product {
    let sizes = written.map { ($0.name, $0.name == "manifest.json" ? nil : Optional($0.size)) }
    return .files(directory: directory, sizes: Dictionary(uniqueKeysWithValues: sizes))
  }
}
