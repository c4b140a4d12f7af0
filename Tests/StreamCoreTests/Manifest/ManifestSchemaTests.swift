import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Documentation/manifest.schema.json is what manifests are. Every split of the tests is held against it (`SplitRun`);
/// here the schema itself is.
@Suite struct ManifestSchemaTests {
  private static let recipe = "host ram 64M seed 3\nguest a ram 0-2M backing 4K nolinux\n"

  /// A manifest that a damage was done to is no longer one: the schema is not one that lets everything through.
  @Test(arguments: [
    ("\"schema\" : \"vmcs-split-manifest-1\"", "\"schema\" : \"vmcs-split-manifest-2\""), ("\"eptp\"", "\"eptps\""),
    ("\"source\" : \"vmcs\"", "\"source\" : \"guessed\""), ("\"value\" : \"0x", "\"value\" : \"0X"),
    ("\"size\" : ", "\"size\" : -"), ("\"warnings\" : [", "\"warnings\" : [1, "), ("\"index\" : 0", "\"index\" : 0.5"),
    ("\"counters\"", "\"Counters\""),
  ])
  func aDamagedManifestIsNone(text: String, other: String) throws {
    let run = try SplitRun(Self.recipe)
    let json = String(decoding: try run.manifest.json(), as: UTF8.self)
    let place = try #require(json.range(of: text), "the manifest has no \(text)")
    let damaged = json.replacingCharacters(in: place, with: other)
    #expect(try !ManifestSchema.schema().faults(in: Data(damaged.utf8)).isEmpty)
  }

  @Test func listsManifestIsOneToo() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(try HostRecipe(Self.recipe).build().kdump(.lzo), as: "host")
    let inspection = try Inspection.run(path: path, Inspection.Options(.list, workers: Workers(count: 1)))
    try ManifestSchema.expect(inspection.manifest())
  }

  /// Codes of warnings are data that others act on.
  @Test func everyWarningCodeHasTheSchemasForm() {
    for code in WarningCode.allCases {
      #expect(code.rawValue.range(of: "^[a-z0-9_]+$", options: .regularExpression) != nil)
    }
  }
}

/// The schema in the repository.
enum ManifestSchema {
  static func schema() throws -> JSONSchema {
    try JSONSchema(Data(contentsOf: Checkout.root.appending(path: "Documentation/manifest.schema.json")))
  }

  static func expect(_ manifest: Manifest, _ location: SourceLocation = #_sourceLocation) throws {
    let faults = try schema().faults(in: Data(try manifest.json()))
    #expect(faults == [], sourceLocation: location)
  }
}
