import Foundation

/// The directory in which one benchmark run works, made new under the scratch directory and removed with all it holds.
struct Workspace: Sendable {
  let root: URL

  /// - Parameter scratch: made when it is not there; its file system is the one that is written to and synced.
  init(in scratch: URL) throws {
    root = scratch.appending(path: "vmcs-bench-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
  }

  func remove() {
    try? FileManager.default.removeItem(at: root)
  }

  func directory(_ name: String) -> URL { root.appending(path: name) }

  /// The directory of this name, made anew.
  func empty(_ name: String) throws -> URL {
    let url = directory(name)
    if FileManager.default.fileExists(atPath: url.path) { try FileManager.default.removeItem(at: url) }
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  /// Runs a command that must end with exit status 0.
  /// - Returns: what it took, and what it wrote to standard output.
  func run(
    _ command: Command, for contender: String, isWatched: Bool = false
  ) throws -> (sample: Sample, output: String) {
    let output = root.appending(path: "stdout")
    let errors = root.appending(path: "stderr")
    let (ending, sample) = try ChildProcess.run(
      command, output: output.path, errors: errors.path, isWatched: isWatched)
    guard ending == .exit(0) else {
      throw BenchError.failed(
        contender: contender, command: command.text, ending: ending, said: String(text(errors).suffix(1000)))
    }
    return (sample, text(output))
  }

  /// The regular files in a directory, by name, with their sizes in bytes.
  static func files(in directory: URL) throws -> [(name: String, size: Int)] {
    let keys: Set<URLResourceKey> = [.isRegularFileKey, .fileSizeKey]
    return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: Array(keys))
      .compactMap { url in
        let values = try url.resourceValues(forKeys: keys)
        guard values.isRegularFile == true else { return nil }
        return (url.lastPathComponent, values.fileSize ?? 0)
      }
      .sorted { $0.name < $1.name }
  }

  /// A program's words need not be UTF-8.
  private func text(_ file: URL) -> String {
    String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
