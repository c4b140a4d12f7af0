import FoundationEssentials

/// A VMCS layout: where the fields of a region stand. Read, when it is asked for, from the table that research filled
/// (layouts.json), not from what the product makes of it.
public struct VMCSLayout: Sendable {
  public struct Place: Decodable, Sendable {
    public var offset: Int
    public var width: Int

    public init(offset: Int, width: Int) {
      self.offset = offset
      self.width = width
    }
  }

  public let id: String
  public let revision: UInt32
  /// How access rights stand in memory: sdm32, bochs-rotated, packed16.
  public let form: String
  public let fields: [String: Place]

  public init(id: String, revision: UInt32, form: String, fields: [String: Place]) {
    self.id = id
    self.revision = revision
    self.form = form
    self.fields = fields
  }

  private struct Row: Decodable {
    var id: String
    var revision_ids: [String]
    var access_rights: String
    var fields: [String: Place]
  }
  private struct Table: Decodable { var layouts: [Row] }

  /// Every layout by its id.
  public static let catalogue: [String: VMCSLayout] = {
    var path = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { path.deleteLastPathComponent() }
    path.append(path: "Sources/StreamCore/VMX/Layouts/sources/layouts.json")
    guard let data = try? Data(contentsOf: path), let table = try? JSONDecoder().decode(Table.self, from: data) else {
      return [:]
    }
    var found: [String: VMCSLayout] = [:]
    for row in table.layouts {
      guard let revision = row.revision_ids.first.flatMap({ UInt32($0.dropFirst(2), radix: 16) }) else { continue }
      found[row.id] = VMCSLayout(id: row.id, revision: revision, form: row.access_rights, fields: row.fields)
    }
    return found
  }()

  /// The page of a VMCS region: revision id, abort indicator 0, and the fields that this layout has.
  public func region(_ values: [String: UInt64]) -> [UInt64] {
    var memory = SparseMemory()
    memory.store(UInt64(revision), at: 0, width: 4)
    for (name, value) in values {
      guard let place = fields[name] else { continue }
      let stored = name.hasSuffix("_AR_BYTES") ? accessRights(UInt32(truncatingIfNeeded: value)) : value
      memory.store(stored, at: UInt64(place.offset), width: place.width)
    }
    return memory.words(0)
  }

  /// A layout of no processor: the same fields in the opposite order, with a revision id of their own.
  public func disguised(revision: UInt32) -> VMCSLayout {
    var moved: [String: Place] = [:]
    var at = 0x48
    for (name, place) in fields.sorted(by: { ($0.value.offset, $0.key) > ($1.value.offset, $1.key) }) {
      at = (at + place.width - 1) / place.width * place.width
      moved[name] = Place(offset: at, width: place.width)
      at += place.width
    }
    return VMCSLayout(id: "unknown", revision: revision, form: "sdm32", fields: moved)
  }

  /// Access rights of the SDM's form as this layout stores them.
  private func accessRights(_ rights: UInt32) -> UInt64 {
    switch form {
    case "bochs-rotated": UInt64(rights << 8 | rights >> 24)
    case "packed16": UInt64((rights & 0xf0ff) | (rights >> 5 & 0x0800))
    default: UInt64(rights)
    }
  }
}
