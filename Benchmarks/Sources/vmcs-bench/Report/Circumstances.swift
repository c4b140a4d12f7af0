import Foundation

/// What must stand beside a figure for it to mean something: machine, commit, versions. No path, no host name.
struct Circumstances: Sendable {
  /// `yyyy-mm-dd`, UTC.
  let date: String
  /// Short commit id, `-dirty` when the work tree differs from it, `unknown` outside of git.
  let commit: String
  let rows: [[String]]

  /// - Parameter repository: the checkout whose program is measured.
  init(repository: URL, programs: Programs, rounds: Int, workspace: Workspace) {
    date = String(Date().formatted(.iso8601).prefix(10))
    commit = Self.commit(repository, workspace)
    let program = [
      programs.vmcsSplitVersion, Self.linkage(programs.vmcsSplit, workspace), Self.age(programs.vmcsSplit, repository),
    ]
    rows = [
      ["commit", commit],
      ["date", date],
      ["cores", "\(ProcessInfo.processInfo.activeProcessorCount)"],
      ["CPU", Self.field("model name", of: "/proc/cpuinfo") ?? "unknown"],
      ["kernel", Self.line(of: "/proc/sys/kernel/osrelease")],
      ["load average at the start", Self.line(of: "/proc/loadavg").split(separator: " ").first.map(String.init) ?? ""],
      ["file system of the outputs", Self.fileSystem(of: workspace.root, workspace)],
      ["vmcs-split", program.joined(separator: ", ")],
      ["libkdumpfile", programs.pageReader.text],
      ["makedumpfile", programs.makedumpfile.text],
      ["Volatility", programs.volatility.text],
      ["Python", programs.python.text],
      ["cp, sync", programs.cpVersion],
      ["rounds", "\(rounds), after one for warming up"],
    ]
  }

  /// The largest resident set of this process in bytes. A child begins in its parent's memory, and the kernel counts
  /// that in: no `ru_maxrss` of a child is lower (Linux fs/exec.c, exec_mmap).
  static var ownPeak: Int {
    let words = field("VmHWM", of: "/proc/self/status")?.split(separator: " ")
    return (words?.first.flatMap { Int($0) } ?? 0) * 1024
  }

  private static func commit(_ repository: URL, _ workspace: Workspace) -> String {
    guard let git = Programs.find("git") else { return "unknown" }
    func ask(_ arguments: [String]) -> String? {
      let command = Command(program: git, arguments: ["-C", repository.path] + arguments)
      return try? workspace.run(command, for: "git").output
    }
    guard let id = ask(["rev-parse", "--short=12", "HEAD"]),
      // Results of earlier runs change nothing that is measured.
      let changes = ask(["status", "--porcelain", "--", ":/", ":(top,exclude)Benchmarks/Results"])
    else { return "unknown" }
    return changes.isEmpty ? id : "\(id)-dirty"
  }

  /// Whether the program is what ships, seen by the library that a dynamic one names.
  private static func linkage(_ program: String, _ workspace: Workspace) -> String {
    guard let grep = Programs.find("grep") else { return "linkage unknown" }
    do {
      // A search in this process would raise its peak, and with it what can be seen of the children's.
      _ = try workspace.run(Command(program: grep, arguments: ["-qF", "libswiftCore.so", program]), for: "grep")
      return "dynamic Swift libraries (not as it ships)"
    } catch BenchError.failed(_, _, .exit(1), _) {
      return "static Swift libraries"
    } catch {
      return "linkage unknown"
    }
  }

  /// A program older than a source is not the commit's.
  private static func age(_ program: String, _ repository: URL) -> String {
    let sources = repository.appending(path: "Sources")
    let below = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: [.contentModificationDateKey])
    let urls = (below?.allObjects ?? []).compactMap { $0 as? URL }.filter { !$0.hasDirectoryPath }
    guard let newest = urls.compactMap(changed).max(), let built = changed(URL(filePath: program)) else {
      return "age unknown"
    }
    return newest > built ? "OLDER than the newest source: build it again" : "newer than its sources"
  }

  private static func changed(_ url: URL) -> Date? {
    try? url.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
  }

  private static func fileSystem(of directory: URL, _ workspace: Workspace) -> String {
    guard let df = Programs.find("df") else { return "unknown" }
    let command = Command(program: df, arguments: ["--output=fstype", directory.path])
    return (try? workspace.run(command, for: "df").output)?.split(separator: "\n").last.map(String.init) ?? "unknown"
  }

  /// The value of the first `key: value` line.
  private static func field(_ key: String, of file: String) -> String? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == key else { continue }
      return parts[1].trimmingCharacters(in: .whitespaces)
    }
    return nil
  }

  private static func line(of file: String) -> String {
    let text = try? String(contentsOfFile: file, encoding: .utf8)
    return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
  }
}
