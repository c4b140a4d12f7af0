import FoundationEssentials
import StreamCore

/// A layout as `layout list --json` and `layout show --json` print it.
struct LayoutDocument: Encodable {
  struct Place: Encodable {
    let offset: Int
    let width: Int
  }

  let id: String
  let processor: String
  let revisionIds: [String]
  let accessRights: String
  let fieldCount: Int
  let fields: [String: Place]?

  init(_ layout: Layout, places: Bool) {
    id = layout.id
    processor = layout.processor
    revisionIds = layout.revisionIDs.map { hex($0) }
    accessRights = layout.accessRights.rawValue
    fieldCount = layout.fields.count
    fields =
      places
      ? Dictionary(
        uniqueKeysWithValues: layout.fields.compactMap { field in
          layout[field].map { (field.name, Place(offset: $0.offset, width: $0.width)) }
        }) : nil
  }

  static func json(_ document: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
  }
}
