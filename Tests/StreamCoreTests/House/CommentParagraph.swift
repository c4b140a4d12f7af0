/// Comment lines that follow each other, as one text: what a reader reads in one go.
struct CommentParagraph {
  private(set) var text: String
  /// Where in the text each line begins, in UTF-8 bytes.
  private var lines: [(start: Int, line: Int)]

  static func all(in file: SourceFile) -> [CommentParagraph] {
    var paragraphs: [CommentParagraph] = []
    var last = 0
    for comment in file.tokens where comment.kind == .comment {
      if comment.line > last + 1 || paragraphs.isEmpty {
        paragraphs.append(CommentParagraph(text: "", lines: []))
      }
      paragraphs[paragraphs.count - 1].append(comment)
      last = comment.line
    }
    return paragraphs
  }

  private mutating func append(_ comment: SourceToken) {
    lines.append((text.utf8.count, comment.line))
    text += comment.text.drop { $0 == " " || $0 == "*" } + " "
  }

  /// The line of the file that a place of the text is on.
  func line(at place: String.Index) -> Int {
    let offset = text.utf8.distance(from: text.startIndex, to: place)
    return lines.last { $0.start <= offset }?.line ?? 0
  }
}
