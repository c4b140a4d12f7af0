/// The manifest that an earlier run left in the output directory. Whoever splits the same input into it again goes on
/// with it: guests that were written before stay, with their entries.
struct EarlierManifest: Sendable {
  private let document: JSONValue

  /// - Returns: `nil`: the bytes are no manifest.
  init?(_ bytes: [UInt8]) {
    guard let document = JSONValue(bytes), document["schema"]?.text == Manifest.schemaName else { return nil }
    self.document = document
  }

  /// Whether both are of one input, read in one way: the dump's own figures and the guests with their vCPUs and roots.
  /// What the dump is called does not matter.
  func isOfSameInput(as manifest: Manifest) throws -> Bool {
    let tool = JSONValue(try PlainJSON.line(manifest.tool))
    let input = JSONValue(try PlainJSON.line(manifest.input))
    let guests = manifest.guests.flatMap { guest -> [JSONValue?] in
      [
        .count(UInt64(clamping: guest.id)), .string(guest.name), Self.addresses(guest.eptp),
        Self.addresses(guest.vcpus.compactMap(\.vmcs)),
      ]
    }
    return mark == [tool, Self.unnamed(input)] + guests
  }

  private var mark: [JSONValue?] {
    [document["tool"], Self.unnamed(document["input"])]
      + guests.flatMap { guest in
        [guest["id"], guest["name"], guest["eptp"], .array(guest["vcpus"]?.elements.compactMap { $0["vmcs"] } ?? [])]
      }
  }

  private static func unnamed(_ input: JSONValue?) -> JSONValue? {
    let sizes = input?["files"]?.elements.compactMap { $0["size"] } ?? []
    var unnamed = input
    unnamed?["files"] = .array(sizes)
    return unnamed
  }

  private static func addresses(_ addresses: [Manifest.HexString]) -> JSONValue {
    .array(addresses.map { .string(hex($0.value)) })
  }

  private var guests: [JSONValue] { document["guests"]?.elements ?? [] }

  /// Files that its guests were written to, of this directory only: a manifest may have been changed by anyone.
  var files: [String] {
    guests.compactMap { $0["output"]?["file"]?.text }.filter { name in
      !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
    }
  }

  /// The manifest with the guests that only the earlier run wrote, and files of this one that it does not name.
  /// - Parameter isThere: whether a file still is.
  func merged(
    into manifest: Manifest, isThere: (String) -> Bool
  ) throws -> (bytes: [UInt8], unnamed: [String]) {
    let kept = kept(beside: manifest, isThere)
    let warnings = warnings(beside: manifest)
    let named = Set(manifest.guests.compactMap(\.output?.file) + kept.values.compactMap { $0["output"]?["file"]?.text })
    let unnamed = files.filter { !named.contains($0) }
    let bytes = try manifest.json()
    // Mostly everything is written anew: then there is nothing to be put together.
    guard !kept.isEmpty || !warnings.isEmpty, var merged = JSONValue(bytes) else { return (bytes, unnamed) }
    merged["guests"] = .array(
      merged["guests"]?.elements.map { guest in guest["id"].flatMap { kept[$0] } ?? guest } ?? [])
    merged["warnings"] = .array((merged["warnings"]?.elements ?? []) + warnings)
    return (try Manifest.text(of: merged), unnamed)
  }

  /// Entries of guests that this run did not write, by the guests' ids.
  private func kept(beside manifest: Manifest, _ isThere: (String) -> Bool) -> [JSONValue: JSONValue] {
    var kept: [JSONValue: JSONValue] = [:]
    for guest in manifest.guests where guest.output == nil {
      let id = JSONValue.count(UInt64(clamping: guest.id))
      guard let before = guests.first(where: { $0["id"] == id && $0["output"] != nil }),
        before["output"]?["file"]?.text.map(isThere) ?? false
      else { continue }
      kept[id] = before
    }
    return kept
  }

  private func warnings(beside manifest: Manifest) -> [JSONValue] {
    let said = manifest.warnings.map { warning in
      JSONValue.object(["code": .string(warning.code.rawValue), "text": .string(warning.text)])
    }
    return (document["warnings"]?.elements ?? []).filter { !said.contains($0) }
  }
}
