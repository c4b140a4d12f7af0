/// Finds arrows that point the wrong way: a type's name, used in a room that stands before the type's own. It goes by
/// names alone and takes a name for the type only where it can be no other; Tests/House/typecheck-rooms finds the rest.
struct ArrowCheck {
  private let rooms: Rooms
  /// Names that can be no other type, with all places that give them.
  private let names: [String: [TypeName]]

  /// Nested types of these names are as good as unknown: Swift's own are meant as often.
  private static let common: Set = [
    "Array", "Body", "Bool", "Character", "Clock", "Data", "Date", "Decoder", "Dictionary", "Double", "Duration",
    "Element", "Encoder", "Error", "Failure", "Float", "ID", "Index", "Indices", "Input", "Instant", "Int", "Iterator",
    "Key", "Never", "Optional", "Output", "Range", "RawSpan", "RawValue", "Result", "Set", "Slice", "Span", "String",
    "SubSequence", "Success", "Task", "URL", "UUID", "Value", "Words",
  ]

  /// One line for each wrong arrow of the module's files.
  static func faults(_ rooms: Rooms, _ files: [SourceFile]) -> [String] {
    let check = ArrowCheck(rooms, files)
    return files.flatMap(check.faults)
  }

  private init(_ rooms: Rooms, _ files: [SourceFile]) {
    self.rooms = rooms
    names = Dictionary(grouping: files.flatMap(TypeName.all), by: \.name).filter { name, places in
      places.contains { $0.scope == .file }
        || places.count == 1 && places[0].scope == .nested && !Self.common.contains(name)
    }
  }

  private func faults(in file: SourceFile) -> [String] {
    let room = Rooms.room(of: file.path)
    var faults: [String] = []
    var before: [String] = ["", ""]
    for token in file.tokens where token.kind == .word || token.kind == .mark {
      if token.kind == .word, let places = names[token.text], isUse(of: places, before),
        !places.contains(where: { rooms.may(room, know: $0.room) })
      {
        let home = places.first { $0.scope == .file } ?? places[0]
        faults.append("\(file.path):\(token.line): \(room) uses \(token.text), which lives in \(home.room)")
      }
      before = [before[1], token.text]
    }
    return faults
  }

  /// Behind a dot stands a member, which a type at file scope is of the module alone.
  private func isUse(of places: [TypeName], _ before: [String]) -> Bool {
    before[1] != "." || before[0] == "StreamCore" || places.contains { $0.scope == .nested }
  }
}
