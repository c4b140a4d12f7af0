import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Several splits into one directory: of one input they come together, another input's directory is left alone.
@Suite struct SameDirectoryTests {
  private static let recipe = """
    host ram 64M seed 3
    guest a ram 0-2M backing 4K nolinux
    guest b ram 0-3M backing 4K nolinux
    """
  private let directory: RecipeDirectory
  private var output: String { directory.path.appending(path: "out").path }
  private var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []).sorted() }

  init() throws { directory = try RecipeDirectory() }

  private func dump(_ recipe: String = recipe, name: String = "host") throws -> String {
    try directory.write(try HostRecipe(recipe).build().kdump(.lzo), as: name)
  }

  private func split(
    _ path: String, _ guests: [String] = [], format: Int = 0, force: Bool = false, to output: String? = nil
  ) throws {
    let workers = Workers(count: 2)
    let inspection = try Inspection.run(path: path, Inspection.Options(.split, workers: workers))
    _ = try Split(
      inspection: inspection, directory: output ?? self.output, guests: guests, format: guestDumpFormats[format],
      codec: nil, force: force
    ).run(workers, Progress.none)
  }

  /// The outputs that the manifest names, by guest.
  private func named() throws -> [String] {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: output + "/manifest.json")))
    return try #require(JSONValue(bytes)?["guests"]).elements.map { $0["output"]?["file"]?.text ?? "-" }
  }

  @Test func oneGuestAfterTheOtherGivesBothAndOneManifest() throws {
    let path = try dump()
    try split(path, ["1"])
    #expect(try named() == ["guest-1.kdump", "-"])
    let renamed = try dump(name: "renamed")
    try split(renamed, ["2"])
    #expect(names == ["guest-1.kdump", "guest-2.kdump", "manifest.json"])
    #expect(try named() == ["guest-1.kdump", "guest-2.kdump"])
    #expect(throws: Failure.exists(path: output + "/guest-2.kdump")) { try split(path, ["2"]) }
    // Both at once are the same dumps.
    let together = directory.path.appending(path: "together").path
    try split(path, to: together)
    for name in ["guest-1.kdump", "guest-2.kdump"] {
      #expect(FileManager.default.contentsEqual(atPath: "\(output)/\(name)", andPath: "\(together)/\(name)"))
    }
  }

  @Test func aGuestWhoseFileIsGoneIsNotNamed() throws {
    let path = try dump()
    try split(path, ["1"])
    try FileManager.default.removeItem(atPath: output + "/guest-1.kdump")
    try split(path, ["2"])
    #expect(try named() == ["-", "guest-2.kdump"])
  }

  @Test func anotherInputsDirectoryIsLeftAlone() throws {
    try split(try dump(), ["1"])
    let other = try dump("host ram 64M seed 4\nguest a ram 0-2M backing 4K nolinux\n", name: "other")
    let before = try Data(contentsOf: URL(filePath: output + "/manifest.json"))
    try FileManager.default.removeItem(atPath: output + "/guest-1.kdump")
    #expect(throws: Failure.otherInput(path: output + "/manifest.json")) { try split(other) }
    #expect(names == ["manifest.json"])
    #expect(try Data(contentsOf: URL(filePath: output + "/manifest.json")) == before)
  }

  @Test func forceLeavesNoFileThatTheManifestDoesNotName() throws {
    let path = try dump()
    try split(path)
    try Data([1]).write(to: URL(filePath: output + "/notes.txt"))
    try split(path, format: 1, force: true)
    #expect(names == ["guest-1.elf", "guest-2.elf", "manifest.json", "notes.txt"])
    // Of the same input, what is not written anew stays.
    try split(path, ["2"], force: true)
    #expect(names == ["guest-1.elf", "guest-2.kdump", "manifest.json", "notes.txt"])
    #expect(try named() == ["guest-1.elf", "guest-2.kdump"])
    let other = try dump("host ram 64M seed 4\nguest a ram 0-2M backing 4K nolinux\n", name: "other")
    try split(other, force: true)
    #expect(names == ["guest-1.kdump", "manifest.json", "notes.txt"])
  }

  /// Whoever may write there may write anything: nothing outside is removed, nor what is hidden, nor the input.
  @Test func aManifestNamesNoFilesElsewhere() throws {
    let path = try dump()
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    try FileManager.default.linkItem(atPath: path, toPath: output + "/host")
    let files = ["../victim", "host", ".hidden", "manifest.json", "", "/tmp"]
    for name in ["victim", "out/.hidden"] { try Data([1]).write(to: directory.path.appending(path: name)) }
    let guests = files.map { "{\"id\": 1, \"output\": {\"file\": \"\($0)\"}}" }.joined(separator: ", ")
    try Data("{\"schema\": \"vmcs-split-manifest-1\", \"guests\": [\(guests)]}".utf8)
      .write(to: URL(filePath: output + "/manifest.json"))
    try split(path, ["1"], force: true)
    #expect(names == [".hidden", "guest-1.kdump", "host", "manifest.json"])
    #expect(FileManager.default.fileExists(atPath: directory.path.appending(path: "victim").path))
  }
}
