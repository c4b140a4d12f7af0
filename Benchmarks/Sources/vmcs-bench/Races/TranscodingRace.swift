import Foundation

/// `split` into another codec or into ELF, against the codec libraries alone plus `cp` of the same bytes.
struct TranscodingRace {
  let input: InputDump
  let programs: Programs
  let workspace: Workspace

  /// One kind of output.
  private struct Target {
    let name: String
    /// Options of `split`, and the codec for `codec-pages`.
    let options: [String]
    let codec: String
  }

  private var targets: [Target] {
    let codecs = ["zlib", "zstd", "lzo"].filter { $0 != input.codec }
    return [Target(name: "ELF", options: ["--format", "elf"], codec: "none")]
      + codecs.map { Target(name: $0, options: ["--compress", $0], codec: $0) }
  }

  /// One race for each kind of output, so that its files need not all lie there at a time.
  /// - Parameter body: told each race; its reference output is removed after that.
  func forEach(_ body: (Race) throws -> Void) throws {
    let same = try workspace.empty("same")
    defer { try? FileManager.default.removeItem(at: same) }
    _ = try workspace.run(split([], into: same), for: "split")
    let guests = try Workspace.files(in: same).filter { $0.name.hasSuffix(".kdump") }
    for target in targets {
      let reference = try workspace.empty("reference")
      defer { try? FileManager.default.removeItem(at: reference) }
      _ = try workspace.run(split(target.options, into: reference), for: "split")
      try body(race(target, same: guests.map { same.appending(path: $0.name).path }, reference))
    }
  }

  private func race(_ target: Target, same: [String], _ reference: URL) throws -> Race {
    let written = try Workspace.files(in: reference)
    guard !written.isEmpty else { throw BenchError.noOutput(contender: "split", what: "its output directory") }
    let bytes = written.reduce(0) { $0 + $1.size }
    let one = "split, 1 thread"
    let two = "split, 2 threads"
    let byZlib = input.codec == "zlib" || target.codec == "zlib"
    return Race(
      title: "\(input.title) → \(target.name)",
      facts: [
        "the host dump, \(input.origin), has \(try input.size()) bytes; `split` writes \(written.count) files,"
          + " \(bytes) bytes with holes"
      ],
      entries: [
        contender(one, target, threads: 1, written), contender(two, target, threads: 2, written),
        codecs(target, same), copy(reference, written),
      ] + (byZlib ? [codecs(target, same, byZlib: true)] : []),
      comparisons: [
        Comparison(title: "split, 1 thread ÷ codecs", over: [one], under: ["codecs"], measure: .user),
        Comparison(title: "split, 2 threads ÷ codecs", over: [two], under: ["codecs"], measure: .user),
        Comparison(title: "split, 1 thread ÷ (codecs + cp)", over: [one], under: ["codecs", "cp"]),
        Comparison(title: "split, 2 threads ÷ (codecs + cp)", over: [two], under: ["codecs", "cp"]),
        Comparison(title: "2 threads ÷ 1 thread", over: [two], under: [one]),
      ]
        + (byZlib
          ? [Comparison(title: "split, 1 thread ÷ codecs, zlib", over: [one], under: [Self.zlib], measure: .user)] : [])
    )
  }

  private func split(_ options: [String], into directory: URL) -> Command {
    Command(
      program: programs.vmcsSplit, arguments: ["split", input.path, "--output", directory.path] + options)
  }

  private func contender(
    _ name: String, _ target: Target, threads: Int, _ written: [(name: String, size: Int)]
  ) -> Entry {
    let options = target.options + ["--threads", "\(threads)"]
    return .ready(
      Contender(
        name: name, meaning: "`vmcs-split split DUMP --output OUT \(options.joined(separator: " "))`; it syncs",
        commands: [split(options, into: workspace.directory("split"))],
        product: .guests(directory: "split", written)))
  }

  private static let zlib = "codecs, zlib"

  /// - Parameter byZlib: zlib streams go through zlib, not libdeflate.
  private func codecs(_ target: Target, _ guests: [String], byZlib: Bool = false) -> Entry {
    let arguments = (byZlib ? ["--zlib"] : []) + [target.codec]
    return .ready(
      Contender(
        name: byZlib ? Self.zlib : "codecs",
        meaning:
          "`codec-pages \(arguments.joined(separator: " ")) GUEST...`: the codec libraries alone, one thread, on the "
          + "same stored pages" + (byZlib ? ", zlib streams through zlib" : ""),
        commands: [Command(program: programs.codecPages, arguments: arguments + guests)],
        product: .text(quoted: true)))
  }

  private func copy(_ reference: URL, _ written: [(name: String, size: Int)]) -> Entry {
    let directory = "copy"
    let target = workspace.directory(directory)
    let from = written.map { reference.appending(path: $0.name).path }
    let to = written.map { target.appending(path: $0.name).path }
    var sizes = written.map { ($0.name, Int?.some($0.size)) }
    sizes.append(("input", nil))
    return .ready(
      Contender(
        name: "cp",
        meaning:
          "`cp` of the input and of the files that `split` writes (sparse), then `sync -d` of each of the latter",
        commands: [
          Command(program: programs.cp, arguments: [input.path, target.appending(path: "input").path]),
          Command(program: programs.cp, arguments: from + [target.path]),
          Command(program: programs.sync, arguments: ["-d"] + to),
        ],
        product: .files(directory: directory, sizes: Dictionary(uniqueKeysWithValues: sizes))))
  }
}
