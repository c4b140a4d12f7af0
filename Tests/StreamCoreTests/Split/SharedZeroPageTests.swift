import HostRecipes
import Testing

@testable import StreamCore

/// Descriptors that name the shared zero page's bytes with another codec or length name another page: what was learned
/// of one is not believed of the other, whichever a worker met first.
@Suite struct SharedZeroPageTests {
  /// A dump in which every third frame of the shared zero page has another codec, and the damaged frames.
  private static func damaged(_ host: BuiltHost) throws -> (bytes: [UInt8], frames: Set<UInt64>) {
    let (file, places) = RecipeKdump(codec: .lzo, level: 1).file(of: host)
    var bytes = file.bytes
    var byOffset: [UInt64: [UInt64]] = [:]
    for frame in places.frames {
      let descriptor = Int(try #require(places.descriptor(frame)))
      byOffset[RecipeReaders.le(bytes, descriptor, 8), default: []].append(frame)
    }
    let zeros = try #require(byOffset.values.max { $0.count < $1.count })
    try #require(zeros.count > 30)
    let chosen = zeros.enumerated().filter { $0.offset % 3 == 1 }.map(\.element)
    for frame in chosen {
      // Stored as zlib, of 100 bytes: there is no such stream.
      let descriptor = Int(try #require(places.descriptor(frame)))
      bytes.replaceSubrange(descriptor + 8..<descriptor + 16, with: [100, 0, 0, 0, 1, 0, 0, 0])
    }
    return (bytes, Set(chosen))
  }

  @Test(arguments: [1, 4])
  func damageIsDamageWhoeverLooksAtItWhen(threads: Int) throws {
    let host = try HostRecipe(
      """
      host ram 16M seed 5
      guest a ram 0-2M backing 4K nolinux
      """
    ).build()
    let (bytes, frames) = try Self.damaged(host)
    var options = SplitRun.Options(input: { _ in bytes }, threads: threads, scans: true)
    let run = try SplitRun(host, options)
    options.isPlain = true
    let plain = try SplitRun(host, options)
    #expect(run.manifest.counters["scan_bad_pages"] == UInt64(frames.count))
    #expect(plain.manifest.counters["scan_bad_pages"] == UInt64(frames.count))
    let guest = host.guests[0]
    let lost = guest.ranges.joined().filter { gfn in guest.backing.frame(gfn).map(frames.contains) ?? false }
    #expect(try run.entry(guest).badPages.count == UInt64(lost.count))
    #expect(try run.bytes(guest) == plain.bytes(guest))
  }
}
