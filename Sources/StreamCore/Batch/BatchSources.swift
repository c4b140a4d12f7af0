/// The files that a batch is asked to look at: from folders with all that lies below, from patterns, from lists.
struct BatchSources {
  /// A dump that may be worked on: a file, or the first of a set (`BatchSet`).
  struct File: Sendable, Equatable {
    var path: String
    /// What it is called below the folder that it was found in.
    var name: String
    /// The user named this very file, so that it counts as a dump whatever it holds.
    var isNamed: Bool
    /// The other files of a set.
    var further: [String] = []

    var paths: [String] { [path] + further }
  }

  /// In the order of their paths' bytes, each file once.
  private(set) var files: [File] = []
  /// What could not be looked through, and why.
  private(set) var unread: [(path: String, why: String)] = []
  private var seen: Set<String> = []
  /// The output directory, which is no source.
  private let apart: FileStamp?

  /// - Parameters:
  ///   - sources: folders, files and patterns.
  ///   - output: where the batch writes.
  init(_ sources: [String], output: String) throws(SystemError) {
    apart = (try? FileStamp.read(output))?.stamp
    for source in sources {
      if let found = try? FileStamp.read(source) {
        add(source, found.kind, found.stamp, isNamed: true, name: nil)
        continue
      }
      let isPattern = source.utf8.contains { "*?[".utf8.contains($0) }
      let paths = isPattern ? try FileSystem.paths(matching: source) : []
      if !isPattern { unread.append((source, "there is no such file")) }
      for path in paths {
        if let found = try? FileStamp.read(path) { add(path, found.kind, found.stamp, isNamed: false, name: nil) }
      }
    }
    files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  private mutating func add(_ path: String, _ kind: FileStamp.Kind, _ stamp: FileStamp, isNamed: Bool, name: String?) {
    let last = path.utf8.split(separator: UInt8(ascii: "/")).last.flatMap { String($0) } ?? path
    switch kind {
    case .directory:
      if stamp.isSameFile(as: apart) { return }
      walk(path, name: name.map { $0 + "/" } ?? "", depth: 0)
    case .file:
      if seen.insert(path).inserted { files.append(File(path: path, name: name ?? last, isNamed: isNamed)) }
    case .other:
      if isNamed { unread.append((path, "it is neither a file nor a directory")) }
    }
  }

  /// Folders in folders are followed so far; symbolic links to folders are not.
  private static let depth = 64

  private mutating func walk(_ folder: String, name: String, depth: Int) {
    guard depth < Self.depth else { return unread.append((folder, "it lies too deep")) }
    let names: [String]
    do throws(SystemError) { names = try FileSystem.names(in: folder, limit: .max) ?? [] } catch {
      return unread.append((folder, "\(error)"))
    }
    for entry in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !entry.hasPrefix(".") {
      let path = folder.utf8.last == UInt8(ascii: "/") ? folder + entry : folder + "/" + entry
      // One that went meanwhile is not there.
      guard let own = try? FileStamp.read(path, followsLinks: false) else { continue }
      if own.kind == .directory {
        if !own.stamp.isSameFile(as: apart) { walk(path, name: name + entry + "/", depth: depth + 1) }
      } else if let target = try? FileStamp.read(path), target.kind == .file {
        add(path, .file, target.stamp, isNamed: Self.isNamedAsDump(entry), name: name + entry)
      }
    }
  }

  /// Names that dumps are given: such a file is one, or is told to be none. Others count by their content.
  static func isNamedAsDump(_ name: String) -> Bool {
    let name = name.lowercased()
    return name.hasPrefix("vmcore") && !name.hasSuffix(".txt") && !name.hasSuffix(".log")
      || [".kdump", ".vmcore", ".dump", ".core", ".elf", ".lime"].contains { name.hasSuffix($0) }
  }

  /// The paths of a list: each ended by NUL if there is one, else one a line; empty ones do not count.
  static func paths(ofList bytes: [UInt8]) -> [String] {
    let end: UInt8 = bytes.contains(0) ? 0 : 0x0a
    return bytes.split(separator: end).map { line in
      PathText.text(of: Array(end == 0x0a && line.last == 0x0d ? line.dropLast() : line))
    }.filter { !$0.isEmpty }
  }
}

extension FileStamp {
  fileprivate func isSameFile(as other: FileStamp?) -> Bool {
    other.map { $0.device == device && $0.inode == inode } ?? false
  }
}
