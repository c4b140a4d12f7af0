/// The rooms of StreamCore in their order, as Tests/House/rooms lists them: a room knows those above it, the root all.
struct Rooms {
  struct Room {
    var name: String
    /// Its folder may be missing.
    var isOptional = false
    /// Rooms above it that it must not know.
    var without: Set<String> = []
  }

  /// The module's folder.
  static let place = "Sources/StreamCore/"
  /// What stands in no room.
  static let root = "the root"

  let list: [Room]

  /// A room a line, its name first; '#' begins a comment.
  init(_ text: String) {
    list = text.split(separator: "\n").compactMap { line in
      var words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)[...]
      guard let name = words.popFirst() else { return nil }
      var room = Room(name: name)
      while let word = words.popFirst() {
        if word == "optional" { room.isOptional = true }
        if word == "without", let other = words.popFirst() { room.without.insert(other) }
      }
      return room
    }
  }

  /// The room of a file of the module.
  static func room(of path: String) -> String {
    let folders = path.dropFirst(place.count).split(separator: "/").dropLast()
    return folders.first.map(String.init) ?? root
  }

  func may(_ room: String, know other: String) -> Bool {
    guard room != other, room != Self.root else { return true }
    guard let own = index(room), let its = index(other) else { return false }
    return its < own && !list[own].without.contains(other)
  }

  /// Where the list and the folders differ.
  func faults(of paths: [String]) -> [String] {
    let found = Set(paths.map(Self.room)).subtracting([Self.root])
    let unlisted = found.subtracting(list.map(\.name)).sorted().map { "\(Self.place)\($0) is not in the list of rooms" }
    let missing = list.filter { !$0.isOptional && !found.contains($0.name) }
    return unlisted + missing.map { "\($0.name) is in the list of rooms, and there is no \(Self.place)\($0.name)" }
  }

  private func index(_ room: String) -> Int? { list.firstIndex { $0.name == room } }
}
