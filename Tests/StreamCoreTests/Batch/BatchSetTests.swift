import HostRecipes
@testable import StreamCore
import Testing

/// Which files a batch takes together.
@Suite struct BatchSetTests {
  private func part(_ bytes: [UInt8]) throws -> DumpPart? {
    let directory = try RecipeDirectory()
    return try DumpPart(ByteSource(InputFile(path: directory.write(bytes, as: "dump"))))
  }

  private func host(_ seed: Int = 3) throws -> BuiltHost {
    try HostRecipe("host ram 40M seed \(seed)\nguest a ram 0-2M nolinux").build()
  }

  @Test func partsOfOneDumpNameOneSetAndPlacesOfTheirOwn() throws {
    let parts = try host().kdumpParts(3).map { try #require(try part($0)) }
    #expect(Set(parts.map(\.set)).count == 1)
    #expect(Set(parts.map(\.place)).count == 3)
  }

  @Test func partsOfAnotherDumpNameAnotherSet() throws {
    let (one, other) = (try host().kdumpParts(2), try host(4).kdumpParts(2))
    #expect(try part(one[0])?.set != part(other[0])?.set)
  }

  @Test func volumesOfADiskSetNameOneSetAndAPartitionNone() throws {
    let host = try host()
    let volumes = try host.sadump(.volumes([300, 300, 400])).map { try #require(try part($0)) }
    #expect(Set(volumes.map(\.set)).count == 1 && volumes.map(\.place) == [1, 2, 3, 4])
    for form in [RecipeSadump.Form.partition, .medium] { #expect(try part(host.sadump(form)[0]) == nil) }
  }

  @Test func aFlattenedPartIsOfTheSameSet() throws {
    let parts = try host().kdumpParts(2)
    #expect(try part(RecipeFlattened.wrap(parts[1]))?.set == part(parts[0])?.set)
  }

  @Test func aWholeDumpIsNoPart() throws {
    #expect(try part(host().kdump(.lzo)) == nil)
    #expect(try part(Array("no dump".utf8)) == nil)
  }

  /// All parts are in one shard, whatever their own bytes are.
  @Test func theSampleOfAPartIsThatOfItsSet() throws {
    let directory = try RecipeDirectory()
    let looks = try host().kdumpParts(3).enumerated().map {
      try DumpLook.look(
        at: directory.write($1, as: "part-\($0)"), .init(isNamed: false, since: nil, fileTime: 0, shard: nil))
    }
    #expect(Set(looks.map(\.sample)) == [looks[0].part?.set])
    #expect(Set(looks.map(\.identity)).count == 3)
  }

  // MARK: - Grouping

  /// - Parameter files: "FOLDER SET PLACE CONTENT" each.
  private func sets(_ files: String...) -> [BatchSet] {
    BatchSet.all(
      files.enumerated().map { index, text in
        let words = text.split(separator: " ").map(String.init)
        var look = DumpLook(isDump: true, size: 10, sample: words[1], identity: words[3])
        look.part = .init(set: words[1], place: UInt64(words[2]) ?? 0)
        let path = "/\(words[0])/\(index)"
        return BatchPiece(index: index, file: .init(path: path, name: path, isNamed: false), look: look)
      })
  }

  private func text(_ sets: [BatchSet]) -> [String] {
    sets.map { set in
      set.piece.file.paths.joined(separator: " ")
        + (set.copies.isEmpty ? "" : " copies " + set.copies.map(\.file.path).joined(separator: " "))
    }
  }

  @Test func partsBelongTogetherWhereverTheyLie() {
    let found = sets("a s 0 x", "a t 0 y", "b s 5 z")
    #expect(text(found) == ["/a/0 /b/2", "/a/1"])
    #expect(found[0].piece.look.size == 20)
  }

  @Test func aCopyOfAPartIsNoPart() {
    #expect(text(sets("a s 0 x", "a s 5 y", "b s 0 x", "b s 5 y")) == ["/a/0 /a/1 copies /b/2 /b/3"])
  }

  @Test func aDamagedCopyOfASetIsASetOfItsOwn() {
    #expect(text(sets("a s 0 x", "a s 5 y", "b s 0 x", "b s 5 bad")) == ["/a/0 /a/1", "/b/2 /b/3"])
    #expect(
      text(sets("a s 0 x", "a s 5 y", "b s 0 x", "b s 5 bad", "c s 0 x", "c s 5 y")) == [
        "/a/0 /a/1 copies /c/4 /c/5", "/b/2 /b/3",
      ])
  }

  @Test func theIdentityDoesNotDependOnNames() {
    #expect(sets("a s 0 x", "a s 5 y")[0].identity == sets("b s 5 y", "c s 0 x")[0].identity)
    #expect(sets("a s 0 x")[0].identity != sets("a s 0 x", "a s 5 y")[0].identity)
  }
}
