import Foundation

/// As much of JSON Schema (2020-12) as the manifest's schema uses; a keyword that is not known here is a fault of its own.
struct JSONSchema {
  private let root: [String: Any]

  init(_ bytes: Data) throws {
    root = try JSONSerialization.jsonObject(with: bytes) as? [String: Any] ?? [:]
  }

  /// Where a document breaks the schema, one line each.
  func faults(in document: Data) throws -> [String] {
    faults(try JSONSerialization.jsonObject(with: document), root, "$")
  }

  private static let silent: Set = ["$schema", "$id", "$defs", "title", "description"]

  private func faults(_ value: Any, _ schema: [String: Any], _ place: String) -> [String] {
    schema.keys.sorted().flatMap { keyword in
      Self.silent.contains(keyword) ? [] : faults(value, keyword, schema, place)
    }
  }

  private func faults(_ value: Any, _ keyword: String, _ schema: [String: Any], _ place: String) -> [String] {
    let bound = schema[keyword]
    switch (keyword, bound) {
    case ("$ref", let path as String):
      let name = path.replacingOccurrences(of: "#/$defs/", with: "")
      guard let target = (root["$defs"] as? [String: Any])?[name] as? [String: Any] else { return ["no \(path)"] }
      return faults(value, target, place)
    case ("type", let type as String): return Self.isA(type, value) ? [] : ["\(place): no \(type): \(value)"]
    case ("const", let text as String): return value as? String == text ? [] : ["\(place): not \(text): \(value)"]
    case ("enum", let texts as [String]):
      return (value as? String).map(texts.contains) ?? false ? [] : ["\(place): not one of \(texts): \(value)"]
    case ("pattern", let pattern as String):
      return (value as? String)?.range(of: pattern, options: .regularExpression) != nil
        ? [] : ["\(place): not \(pattern): \(value)"]
    case ("minimum", let least as Int): return (Double("\(value)") ?? -1) >= Double(least) ? [] : ["\(place): \(value)"]
    case ("minItems", let least as Int): return (value as? [Any] ?? []).count >= least ? [] : ["\(place): too few"]
    case ("maxItems", let most as Int): return (value as? [Any] ?? []).count <= most ? [] : ["\(place): too many"]
    case ("items", let items as [String: Any]):
      return (value as? [Any] ?? []).enumerated().flatMap { faults($1, items, "\(place)[\($0)]") }
    case ("required", let names as [String]):
      return names.filter { (value as? [String: Any])?[$0] == nil }.map { "\(place): no \($0)" }
    case ("properties", let properties as [String: Any]):
      return (value as? [String: Any] ?? [:]).flatMap { name, member in
        (properties[name] as? [String: Any]).map { faults(member, $0, "\(place).\(name)") } ?? []
      }
    case ("additionalProperties", let others):
      let known = Set((schema["properties"] as? [String: Any] ?? [:]).keys)
      return (value as? [String: Any] ?? [:]).filter { !known.contains($0.key) }.flatMap { name, member in
        (others as? [String: Any]).map { faults(member, $0, "\(place).\(name)") } ?? ["\(place): unknown key \(name)"]
      }
    default: return ["\(place): the schema's \(keyword) is not known to the tests"]
    }
  }

  private static func isA(_ type: String, _ value: Any) -> Bool {
    switch type {
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "string": value is String
    case "integer": value is Int || value is UInt64 || (value as? Double).map { $0 == $0.rounded() } ?? false
    case "boolean": value is Bool
    default: false
    }
  }
}
