/// A dump among the sources: a file, or a set of files that stands for its first.
struct BatchPiece: Sendable {
  /// Its place among the files.
  var index: Int
  var file: BatchSources.File
  var look: DumpLook
}

/// Files that are one dump together.
struct BatchSet: Sendable {
  /// The parts, in the order of their paths, each content once; at least one.
  private(set) var parts: [BatchPiece]
  /// Files of the same content as one of the parts.
  private(set) var copies: [BatchPiece] = []
  /// SHA-256 of the parts' own identities, in whatever order the parts are called: a set that another part joins is
  /// another dump.
  let identity: String

  private init(_ pieces: [BatchPiece]) {
    var seen: Set<String> = []
    parts = []
    for piece in pieces {
      if seen.insert(piece.look.identity ?? "").inserted { parts.append(piece) } else { copies.append(piece) }
    }
    let sum = SHA256()
    for identity in seen.sorted() { sum.update(Array(identity.utf8) + [0x0a]) }
    identity = sum.finish()
  }

  /// The sets that parts make, wherever they lie. Where two contents have one place in a set, as of a damaged copy, those
  /// of one folder belong together.
  /// - Parameter pieces: parts, which have been read.
  static func all(_ pieces: [BatchPiece]) -> [BatchSet] {
    let ordered = pieces.sorted { $0.index < $1.index }
    var sets: [BatchSet] = []
    for group in grouped(ordered, { $0.look.part?.set ?? "" }) {
      let places = Dictionary(grouping: group) { $0.look.part?.place ?? 0 }
      let isClash = places.values.contains { Set($0.map(\.look.identity)).count > 1 }
      for group in isClash ? grouped(group, { PathText.parent(of: $0.file.path) ?? "" }) : [group] {
        let set = BatchSet(group)
        if let known = sets.firstIndex(where: { $0.identity == set.identity }) {
          sets[known].copies += set.parts + set.copies
        } else {
          sets.append(set)
        }
      }
    }
    return sets
  }

  /// Groups in the order of their first members.
  private static func grouped(_ pieces: [BatchPiece], _ key: (BatchPiece) -> String) -> [[BatchPiece]] {
    Dictionary(grouping: pieces, by: key).values.sorted { ($0.first?.index ?? 0) < ($1.first?.index ?? 0) }
  }

  /// The whole as a dump: it has the name of its first part.
  var piece: BatchPiece {
    var piece = parts[0]
    piece.file.further = parts.dropFirst().map(\.file.path)
    piece.look.identity = identity
    piece.look.size = parts.reduce(0) { $0 &+ $1.look.size }
    return piece
  }
}
