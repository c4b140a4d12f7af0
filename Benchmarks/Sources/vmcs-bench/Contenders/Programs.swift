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
  let pageReader: Peer
  let makedumpfile: Peer

  /// - Parameter program: the vmcs-split to measure. It, cp and sync must be there.
  init(program: URL, workspace: Workspace) throws {
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw BenchError.missing(
        what: "vmcs-split", advice: "`swift build -c release --static-swift-stdlib` beside this package, or --program")
    }
    vmcsSplit = program.path
    vmcsSplitVersion = (try? Self.version(of: vmcsSplit, "--version", workspace)) ?? "version unknown"
    cp = try Self.need("cp")
    cpVersion = try Self.version(of: cp, "--version", workspace)
    sync = try Self.need("sync")
    makedumpfile =
      if let path = Self.find("makedumpfile") {
        .here(path: path, version: try Self.version(of: path, "-v", workspace))
      } else {
        .missing(reason: "makedumpfile is not installed")
      }
    pageReader = try Self.pageReader(workspace)
  }

  /// `kdumpfile-pages` is built into the same directory as this program; where libkdumpfile is missing it says so
  /// with exit status 69.
  private static func pageReader(_ workspace: Workspace) throws -> Peer {
    let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    let path = own.deletingLastPathComponent().appending(path: "kdumpfile-pages").path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw BenchError.missing(what: "kdumpfile-pages", advice: "build the whole package: `swift build -c release`")
    }
    do {
      return .here(path: path, version: try version(of: path, "--version", workspace))
    } catch BenchError.failed(_, _, .exit(69), let said) {
      return .missing(reason: said)
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
