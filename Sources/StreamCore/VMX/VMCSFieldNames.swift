/// Fields by name: a hash table of bytes, for a layout's text names some 150 of them and is read at every start.
struct VMCSFieldNames: Sendable {
  static let all = VMCSFieldNames()

  /// A power of two, more than twice the fields.
  private static let places = 512
  private var table: [(field: VMCSField, name: String)?] = Array(repeating: nil, count: places)

  private init() {
    for field in VMCSField.allCases {
      let name = field.name
      var place = Self.hash(name.utf8)
      while table[place] != nil { place = (place + 1) % Self.places }
      table[place] = (field, name)
    }
  }

  func field(_ name: ArraySlice<UInt8>) -> VMCSField? {
    var place = Self.hash(name)
    while let entry = table[place] {
      if entry.name.utf8.elementsEqual(name) { return entry.field }
      place = (place + 1) % Self.places
    }
    return nil
  }

  /// FNV-1a.
  private static func hash(_ name: some Sequence<UInt8>) -> Int {
    var hash: UInt32 = 0x811c_9dc5
    for byte in name { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    return Int((hash ^ hash >> 16) % UInt32(places))
  }
}
