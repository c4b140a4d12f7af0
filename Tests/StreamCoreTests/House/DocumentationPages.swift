/// The pages of Documentation, with the numbers that their headings begin with.
struct DocumentationPages {
  static let folder = "Documentation/"

  private let sections: [String: Set<String>]

  /// Texts of pages by their path in the checkout.
  init(_ texts: [String: String]) {
    sections = texts.mapValues { text in
      let headings = text.split(separator: "\n").compactMap { $0.prefixMatch(of: /[#]+ +([0-9]+(?:\.[0-9]+)*)/) }
      return Set(headings.map { String($0.1) })
    }
  }

  /// Those of the checkout.
  static func read() throws -> DocumentationPages {
    let pages = try Checkout.paths(in: folder).filter { $0.hasSuffix(".md") }.map { ($0, try Checkout.text(of: $0)) }
    return DocumentationPages(Dictionary(uniqueKeysWithValues: pages))
  }

  func has(_ page: String) -> Bool { sections[page] != nil }

  func has(_ page: String, section: String) -> Bool { sections[page]?.contains(section) ?? false }
}
