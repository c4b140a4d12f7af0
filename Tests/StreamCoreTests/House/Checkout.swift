import Foundation

/// The checkout that these tests were built from.
enum Checkout {
  static let root: URL = {
    var path = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { path.deleteLastPathComponent() }
    return path
  }()

  /// What is written in Swift and C, read once.
  static let files: [SourceFile] = ["Sources", "Tests", "Benchmarks"].flatMap { folder in
    paths(in: folder).compactMap { path in
      let isSource = [".swift", ".c", ".h"].contains { path.hasSuffix($0) }
      return isSource ? (try? text(of: path)).map { SourceFile(path, $0) } : nil
    }
  }

  /// What is written for a shell or for Python.
  static let scripts: [SourceFile] = (["run", ".ci/run"] + ["Sources", "Tests", "Benchmarks"].flatMap(paths))
    .filter { $0.hasSuffix(".py") || !($0.split(separator: "/").last ?? "").contains(".") }
    .compactMap { path in (try? text(of: path)).map { (path, $0) } }
    .filter { $0.hasSuffix(".py") || $1.hasPrefix("#!") }
    .map { SourceFile(script: $0, $1) }

  /// Those of the one module that has rooms.
  static var streamCore: [SourceFile] { files.filter { $0.path.hasPrefix(Rooms.place) && $0.path.hasSuffix(".swift") } }

  /// All files below a folder, in order, hidden ones left out; none when there is no such folder.
  static func paths(in folder: String) -> [String] {
    let found = FileManager.default.enumerator(
      at: root.appending(path: folder), includingPropertiesForKeys: nil, options: .skipsHiddenFiles)
    let prefix = root.path + "/"
    return (found?.compactMap { ($0 as? URL)?.path } ?? []).filter { $0.hasPrefix(prefix) }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  static func text(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}
