/// A place where a name is given to a type.
struct TypeName {
  enum Scope {
    case file
    /// Inside another type or a function.
    case nested
    /// A generic parameter or an associated type: it stands for a type, and may hide one of the same name.
    case parameter
  }

  var name: String
  var scope: Scope
  var room: String

  private static let typeWords: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]
  private static let genericWords: Set = typeWords.union(["func", "init", "subscript"])

  /// All that one file of the module names.
  static func all(in file: SourceFile) -> [TypeName] {
    let room = Rooms.room(of: file.path)
    let tokens = file.tokens.filter { $0.kind != .comment }
    var names: [TypeName] = []
    var brackets: [String] = []
    for (index, token) in tokens.enumerated() {
      if token.kind == .mark {
        if "{([".contains(token.text) { brackets.append(token.text) }
        if "})]".contains(token.text) { _ = brackets.popLast() }
      }
      // Behind a dot, or as a label, a keyword is a name of another kind.
      guard token.kind == .word, (brackets.last ?? "{") == "{", index == 0 || tokens[index - 1].text != ".",
        index + 1 < tokens.count, tokens[index + 1].kind == .word || token.text == "init" || token.text == "subscript"
      else { continue }
      let next = tokens[index + 1].text
      if typeWords.contains(token.text), !genericWords.contains(next), next != "var", next != "let" {
        names.append(TypeName(name: next, scope: brackets.isEmpty ? .file : .nested, room: room))
      } else if token.text == "associatedtype" {
        names.append(TypeName(name: next, scope: .parameter, room: room))
      }
      if genericWords.contains(token.text) {
        let list = tokens[(index + 1)...].drop { $0.kind == .word && $0.text != "<" }
        names += parameters(list).map { TypeName(name: $0, scope: .parameter, room: room) }
      }
    }
    return names
  }

  /// The names in `<A, B: P>`, if that is what the tokens begin with.
  private static func parameters(_ tokens: ArraySlice<SourceToken>) -> [String] {
    guard tokens.first?.text == "<" else { return [] }
    var names: [String] = []
    var depth = 0
    for (token, next) in zip(tokens, tokens.dropFirst()) where token.kind == .mark {
      if token.text == "<" { depth += 1 }
      if token.text == ">" { depth -= 1 }
      if depth == 0 { break }
      if depth == 1, token.text == "<" || token.text == ",", next.kind == .word { names.append(next.text) }
    }
    return names
  }
}
