/// A piece of source text, as far as the rules of the house tell pieces apart.
struct SourceToken: Equatable {
  enum Kind {
    /// An identifier, a keyword or a number.
    case word
    /// What a string literal holds, as it is written; an interpolation parts it in two, with its own tokens in between.
    case string
    /// One line of a comment, without its slashes.
    case comment
    /// One character of everything else.
    case mark
  }

  var kind: Kind
  var text: String
  /// Counted from 1.
  var line: Int
}
