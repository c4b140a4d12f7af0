import HostRecipes
@testable import StreamCore
import Testing

/// Which dumps a batch takes: by time, by shard, by what they hold.
@Suite struct BatchChoiceTests {
  /// Source: date -u -d TEXT +%s.
  @Test(
    arguments: [
      ("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2024-03-01", 1_709_251_200), ("2026-11-30", 1_795_996_800),
      ("2026-11-30T18:30", 1_796_063_400), ("2026-11-30T18:30:15", 1_796_063_415), ("2100-03-01", 4_107_542_400),
      ("@12", 12), ("2d", 1_000_000 - 172_800), ("12h", 1_000_000 - 43_200), ("90m", 1_000_000 - 5400),
    ] as [(String, Int64)])
  func aTimeIsRead(text: String, seconds: Int64) {
    #expect(BatchTime.seconds(of: text, now: 1_000_000) == seconds)
  }

  @Test(
    arguments: [
      "", "2026", "2026-13-01", "2026-02-29", "2100-02-29", "2026-11-31", "2026-11-30T", "2026-11-30T24:00", "-1d", "d",
      "2026-11-30T18:60", "2026-11-30T18:30:00:00", "+026-11-30", "@", "@x", "99999999999d", "1969-12-31",
    ])
  func whatIsNoTimeIsRefused(text: String) {
    #expect(BatchTime.seconds(of: text, now: 1_000_000) == nil)
  }

  @Test(arguments: ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", "1/", "/3", "1/99999999"])
  func whatIsNoShardIsRefused(text: String) {
    #expect(BatchShard(text) == nil)
  }

  @Test func eachDumpIsInOneShard() throws {
    let shards = (1...5).compactMap { BatchShard("\($0)/5") }
    for number in 0..<40 as Range<UInt64> {
      let sample = String(number &* 0x9e37_79b9_7f4a_7c15 | 1 << 63, radix: 16)
      #expect(shards.count { $0.has(sample) } == 1)
    }
  }

  private func look(
    _ bytes: [UInt8], isNamed: Bool = false, since: Int64? = nil, shard: BatchShard? = nil
  ) throws -> DumpLook {
    let directory = try RecipeDirectory()
    let path = try directory.write(bytes, as: "dump")
    return try DumpLook.look(at: path, .init(isNamed: isNamed, since: since, fileTime: 50, shard: shard))
  }

  private func dump(_ kernel: String = "6.1 symbols types") throws -> [UInt8] {
    try HostRecipe("host ram 64M cpus 2 kernel \(kernel)\nguest a ram 0-4M linux 6.1.0-a\n").build().kdump(.lzo)
  }

  /// Of two copies one may have a hole or a damaged block anywhere.
  @Test func everyByteCountsForTheIdentity() throws {
    let bytes = try dump()
    let look = try look(bytes)
    #expect(look.isDump && look.size == UInt64(bytes.count))
    let sum = SHA256()
    sum.update(bytes)
    #expect(look.identity == sum.finish())
    #expect(try self.look(bytes) == look)
    for place in [bytes.count / 3, bytes.count - 1] {
      var other = bytes
      other[place] ^= 1
      #expect(try self.look(other).identity != look.identity)
    }
  }

  @Test func whatIsNoDumpIsNotRead() throws {
    let look = try look(Array("no dump".utf8))
    #expect(!look.isDump && look.identity == nil && look.why != nil)
    #expect(try self.look(Array("no dump".utf8), isNamed: true).identity != nil)
  }

  @Test func aDumpOfAnotherShardOrTimeIsNotReadWhole() throws {
    let bytes = try dump()
    let look = try look(bytes)
    let sample = try #require(look.sample)
    let own = (1...2).compactMap { BatchShard("\($0)/2") }.partitioned { $0.has(sample) }
    let (its, other) = (try #require(own.yes.first), try #require(own.no.first))
    #expect(try self.look(bytes, shard: its).identity != nil)
    #expect(try self.look(bytes, shard: other).identity == nil)
    // Its own time, else the file's.
    let time = look.crashTime ?? 50
    #expect(try self.look(bytes, since: time).identity != nil)
    #expect(try self.look(bytes, since: time + 1).identity == nil)
  }

  @Test func aBrokenHeaderIsForWhoeverSplitsTheDump() throws {
    var bytes = try dump()
    bytes.replaceSubrange(8..<12, with: [0xff, 0xff, 0xff, 0xff])
    let look = try look(bytes)
    #expect(look.isDump && look.identity != nil)
  }
}

extension Array {
  fileprivate func partitioned(_ body: (Element) -> Bool) -> (yes: [Element], no: [Element]) {
    (filter(body), filter { !body($0) })
  }
}
