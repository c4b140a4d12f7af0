import Foundation

/// The programs that take part, looked for once.
struct Programs: Sendable {
  /// A program that may be missing.
  enum Peer: Sendable {
    case here(path: String, version: String)
    case missing(reason: String)

    var path: String? {
      if case .here(let path, _) = self { path } else { nil }
    }

    var reason: String {
      if case .missing(let reason) = self { reason } else { "" }
    }

    /// For the table of the circumstances.
    var text: String {
      switch self {
      case .here(_, let version): version
      case .missing(let reason): "skipped: \(reason)"
      }
    }
  }

  let vmcsSplit: String
  let vmcsSplitVersion: String
  let cp: String
  let cpVersion: String
  let sync: String
  let hostMaker: String
  let codecPages: String
  let cmp: String
  let dd: String
  let pageReader: Peer
  let makedumpfile: Peer
  let volatility: Peer
  /// Python with libkdumpfile's bindings, and the script that copies a guest.
  let python: Peer
  let copyScript: String
  /// Codecs that makedumpfile cannot read, as it says itself.
  let makedumpfileLacks: [String]

  /// - Parameters:
  ///   - program: the vmcs-split to measure. It, cp and sync must be there.
  ///   - package: this package's directory, for the scripts in it.
  init(program: URL, package: URL, workspace: Workspace) throws {
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw BenchError.missing(
        what: "vmcs-split", advice: "`swift build -c release --static-swift-stdlib` beside this package, or --program")
    }
    vmcsSplit = program.path
    vmcsSplitVersion = (try? Self.version(of: vmcsSplit, "--version", workspace)) ?? "version unknown"
    cp = try Self.need("cp")
    cpVersion = try Self.version(of: cp, "--version", workspace)
    sync = try Self.need("sync")
    cmp = try Self.need("cmp")
    dd = try Self.need("dd")
    hostMaker = try Self.sibling("host-maker")
    codecPages = try Self.sibling("codec-pages")
    makedumpfileLacks = Self.disabledCodecs(Self.find("makedumpfile"), workspace)
    makedumpfile =
      if let path = Self.find("makedumpfile") {
        .here(path: path, version: try Self.version(of: path, "-v", workspace))
      } else {
        .missing(reason: "makedumpfile is not installed")
      }
    pageReader = try Self.pageReader(workspace)
    volatility =
      if let path = Self.find("vol") {
        .here(path: path, version: try Self.version(of: path, "-h", workspace))
      } else {
        .missing(reason: "vol (Volatility 3) is not on PATH")
      }
    copyScript = package.appending(path: "Scripts/ept_copy.py").path
    python = try Self.python(copyScript, workspace)
  }

  /// `kdumpfile-pages` is built into the same directory as this program; where libkdumpfile is missing it says so
  /// with exit status 69.
  private static func pageReader(_ workspace: Workspace) throws -> Peer {
    let path = try sibling("kdumpfile-pages")
    do {
      return .here(path: path, version: try version(of: path, "--version", workspace))
    } catch BenchError.failed(_, _, .exit(69), let said) {
      return .missing(reason: said)
    }
  }

  /// The first Python that has libkdumpfile's bindings; the script says so with exit status 69.
  private static func python(_ script: String, _ workspace: Workspace) throws -> Peer {
    var reason = "python3 is not installed"
    for path in [find("python3"), "/usr/bin/python3"].compactMap({ $0 })
    where FileManager.default.isExecutableFile(atPath: path) {
      do {
        let command = Command(program: path, arguments: [script, "--version"])
        return .here(path: path, version: try workspace.run(command, for: "ept_copy.py --version").output)
      } catch BenchError.failed(_, _, .exit(69), let said) {
        reason = said
      }
    }
    return .missing(reason: reason)
  }

  /// A program of this package, which is built beside this one.
  private static func sibling(_ name: String) throws(BenchError) -> String {
    let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    let path = own.deletingLastPathComponent().appending(path: name).path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw .missing(what: name, advice: "build the whole package: `swift build -c release`")
    }
    return path
  }

  /// The codecs of lines like `zstd	disabled`, which `makedumpfile -v` prints.
  private static func disabledCodecs(_ makedumpfile: String?, _ workspace: Workspace) -> [String] {
    guard let makedumpfile,
      let said = try? workspace.run(Command(program: makedumpfile, arguments: ["-v"]), for: "makedumpfile -v").output
    else { return [] }
    return said.split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: \.isWhitespace)
      return words.count == 2 && words[1] == "disabled" ? String(words[0]) : nil
    }
  }

  private static func version(of program: String, _ option: String, _ workspace: Workspace) throws -> String {
    let name = URL(filePath: program).lastPathComponent
    let said = try workspace.run(Command(program: program, arguments: [option]), for: "\(name) \(option)").output
    return said.split(separator: "\n").first.map(String.init) ?? "says nothing"
  }

  private static func need(_ name: String) throws(BenchError) -> String {
    guard let path = find(name) else { throw .missing(what: name, advice: "it belongs to coreutils") }
    return path
  }

  /// Looks along PATH, and where administrators' programs lie when PATH leaves them out.
  static func find(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let directories = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
    return directories.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
