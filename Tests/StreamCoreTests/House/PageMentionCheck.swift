/// Finds mentions of pages and sections that lead a reader nowhere. A comment names a page by its path, and a section
/// by a § and its number behind the page; further sections of one paragraph are of the page that was named last.
/// Sections of an RFC are left alone, and a README may be named.
struct PageMentionCheck {
  let pages: DocumentationPages

  /// What a section is of.
  private enum Owner {
    case page(String)
    case elsewhere
    case nobody
  }

  /// One line for each mention at fault.
  static func faults(_ pages: DocumentationPages, _ files: [SourceFile]) -> [String] {
    let check = PageMentionCheck(pages: pages)
    return files.flatMap { file in
      CommentParagraph.all(in: file).flatMap { paragraph in
        check.faults(in: paragraph).map { "\(file.path):\($0.line): \($0.fault)" }
      }
    }
  }

  private func faults(in paragraph: CommentParagraph) -> [(line: Int, fault: String)] {
    guard paragraph.text.contains("§") || paragraph.text.contains(".md") else { return [] }
    // A page, an RFC, or a section and the end of a range of sections, with the word before it.
    let mention =
      /(?<page>[\w.\/-]+\.md)\b|(?<rfc>\bRFC \d+)|(?<word>\w+ )?§ ?(?<first>\d+(?:\.\d+)*)(?:-(?<last>\d+(?:\.\d+)*))?/
    var owner = Owner.nobody
    var faults: [(line: Int, fault: String)] = []
    for match in paragraph.text.matches(of: mention) {
      var fault: String?
      if let page = match.page {
        (owner, fault) = judge(page: String(page))
      } else if match.rfc != nil {
        owner = .elsewhere
      } else if let first = match.first {
        if match.word == "design " { owner = .nobody }
        fault = judge(Self.sections(from: String(first), to: match.last.map(String.init)), of: owner)
      }
      if let fault { faults.append((paragraph.line(at: match.range.lowerBound), fault)) }
    }
    return faults
  }

  private func judge(page: String) -> (Owner, String?) {
    if page.split(separator: "/").last == "README.md" { return (.elsewhere, nil) }
    guard page.hasPrefix(DocumentationPages.folder) else {
      return (.elsewhere, "\(page) is not the path of a page in \(DocumentationPages.folder)")
    }
    return pages.has(page) ? (.page(page), nil) : (.elsewhere, "there is no \(page)")
  }

  private func judge(_ sections: [String], of owner: Owner) -> String? {
    switch owner {
    case .elsewhere: return nil
    case .nobody: return "§\(sections[0]) of which page? Its path goes before it"
    case .page(let page):
      let missing = sections.filter { !pages.has(page, section: $0) }
      return missing.isEmpty ? nil : "\(page) has no section " + missing.joined(separator: ", ")
    }
  }

  /// The sections of a range: 2.1 to 2.3 are three. Where the two ends are of different depth, the ends alone.
  private static func sections(from first: String, to last: String?) -> [String] {
    guard let last else { return [first] }
    let start = first.split(separator: ".").compactMap { Int($0) }
    let end = last.split(separator: ".").compactMap { Int($0) }
    guard start.dropLast() == end.dropLast(), let from = start.last, let to = end.last, from <= to else {
      return [first, last]
    }
    return (from...to).map { number in (start.dropLast() + [number]).map(String.init).joined(separator: ".") }
  }
}
