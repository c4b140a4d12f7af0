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
    guard let other = JSONValue(try manifest.json()) else { return false }
    return Self.mark(document) == Self.mark(other)
  }

  private static func mark(_ document: JSONValue) -> [JSONValue?] {
    var input = document["input"]
    let sizes = input?["files"]?.elements.compactMap { $0["size"] } ?? []
    input?["files"] = .array(sizes)
    let guests = document["guests"]?.elements ?? []
    return [document["tool"], input]
      + guests.flatMap { guest in
        [guest["id"], guest["name"], guest["eptp"], .array(guest["vcpus"]?.elements.compactMap { $0["vmcs"] } ?? [])]
      }
  }

  /// Files that its guests were written to, of this directory only: a manifest may have been changed by anyone.
  var files: [String] { Self.files(document) }

  private static func files(_ document: JSONValue) -> [String] {
    (document["guests"]?.elements ?? []).compactMap { $0["output"]?["file"]?.text }.filter { name in
      !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
    }
  }

  /// The manifest with the guests that only the earlier run wrote, and files of this one that it does not name.
  /// - Parameter isThere: whether a file still is.
  func merged(
    into manifest: Manifest, isThere: (String) -> Bool
  ) throws -> (bytes: [UInt8], unnamed: [String]) {
    guard var merged = JSONValue(try manifest.json()) else { return (try manifest.json(), []) }
    let earlier = document["guests"]?.elements ?? []
    merged["guests"] = .array(
      merged["guests"]?.elements.map { guest in
        guard guest["output"] == nil,
          let before = earlier.first(where: { $0["id"] == guest["id"] && $0["output"] != nil }),
          before["output"]?["file"]?.text.map(isThere) ?? false
        else { return guest }
        return before
      } ?? [])
    let warnings = merged["warnings"]?.elements ?? []
    merged["warnings"] = .array(
      warnings + (document["warnings"]?.elements ?? []).filter { !warnings.contains($0) })
    let named = Set(Self.files(merged))
    return (try Manifest.text(of: merged), files.filter { !named.contains($0) })
  }
}
