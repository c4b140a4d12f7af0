import FoundationEssentials

/// Values of our own as JSON, keys in snake_case.
enum PlainJSON {
  /// On one line.
  static func line(_ value: some Encodable) throws -> [UInt8] {
    Array(try encoder([.sortedKeys, .withoutEscapingSlashes]).encode(value))
  }

  /// As a document; nothing in it moves a terminal's cursor.
  static func document(_ value: some Encodable) throws -> [UInt8] {
    let encoder = encoder([.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return Array(HostileText.escaped(json: String(decoding: try encoder.encode(value), as: UTF8.self)).utf8) + [0x0a]
  }

  private static func encoder(_ form: JSONEncoder.OutputFormatting) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = form
    return encoder
  }

  /// - Returns: `nil`: the bytes are no such value.
  static func value<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try? decoder.decode(type, from: Data(bytes))
  }
}
