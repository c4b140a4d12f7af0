import Foundation
import HostRecipes
import Synchronization
import Testing

@testable import StreamCore

/// zstd's seekable format, read in place.
@Suite struct SeekableTests {
  /// 3 MB that begin as a dump does, none of it like another part.
  private static let sample: [UInt8] = {
    var random = SeededGenerator(11)
    let words = (0..<3000).map { _ in UInt8.random(in: 0...255, using: &random) }
    return KdumpSample().bytes + (0..<3_000_000).map { words[$0 / 1000] &+ UInt8($0 % 7) }
  }()

  /// Opens bytes as the file "dump"; `spooled` takes whether they were unwrapped into a file.
  private func open(_ bytes: [UInt8], spooled: inout Bool, mapped: Bool = true) throws -> InputFile {
    let directory = try RecipeDirectory()
    let notices = Notices()
    var spooling = Spooling()
    spooling.directory = directory.path.path
    spooling.notice = { _ in notices.count.withLock { $0 += 1 } }
    let file = try Unwrapper(spooling: spooling, cancellation: Cancellation(), progress: .none)
      .open(directory.write(bytes, as: "dump"), mapped: mapped)
    spooled = notices.count.withLock { $0 } > 0
    return file
  }

  private final class Notices: Sendable { let count = Mutex(0) }

  @Test(arguments: [1 << 20, 700_001, 4 << 20], [false, true]) func itIsReadInPlace(frame: Int, hasSums: Bool) throws {
    let bytes = try RecipeSeekable.wrap(Self.sample, frame: frame, hasSums: hasSums)
    for mapped in [true, false] {
      var spooled = true
      let file = try open(bytes, spooled: &spooled, mapped: mapped)
      #expect(!spooled && file.size == UInt64(Self.sample.count) && file.path.hasSuffix("/dump (zstd data)"))
      #expect(file.given.size == UInt64(bytes.count) && file.identity == file.given.identity)
      #expect(try file.read(at: 0, count: Self.sample.count + 10) == Self.sample)
      var random = SeededGenerator(5)
      for _ in 0..<200 {
        let at = Int.random(in: 0..<Self.sample.count, using: &random)
        let count = Int.random(in: 0...9000, using: &random)
        let part = Array(Self.sample[at..<min(Self.sample.count, at + count)])
        #expect(try file.read(at: UInt64(at), count: count) == part)
        #expect(try file.lend(at: UInt64(at), count: count) { $0.bytes(0, count: $0.byteCount) } == part)
      }
      #expect(try openHostDump(ByteSource(file)).summary.storedPages == 17)
    }
  }

  /// By a table that does not hold, or with frames that are too small or too large, a file is a zstd file as any other.
  @Test func anyOtherTableIsNotBelieved() throws {
    let plain = try RecipeSeekable.wrap(Self.sample, frame: 1 << 20)
    let table = plain.count - 8 - 3 * 8 - 9
    var others: [[UInt8]] = []
    for at in table..<plain.count {
      var damaged = plain
      damaged[at] ^= 0x11
      others.append(damaged)
    }
    others.append(try RecipeSeekable.wrap(Self.sample, frame: 9000))
    others.append(try RecipeWrapper.zstd.wrap(Self.sample))
    var inPlace = 0
    for bytes in others {
      var spooled = false
      let file: InputFile
      // What follows a broken head of the table is no zstd data.
      do { file = try open(bytes, spooled: &spooled) } catch HostDumpError.format {
        continue
      } catch HostDumpError.system(let error) where error.code == EBADMSG {
        inPlace += 1
        continue
      }
      do {
        #expect(try file.read(at: 0, count: Self.sample.count + 1) == Self.sample)
      } catch {
        inPlace += 1
        #expect(!spooled && error.code == EBADMSG)
      }
    }
    #expect(inPlace <= 2 * 3 * 4)
  }

  @Test func aDamagedFrameEndsTheReading() throws {
    var bytes = try RecipeSeekable.wrap(Self.sample, frame: 1 << 20)
    // The second frame: behind the first, whose size begins the table of three.
    let second = Int(try #require(bytes.load(bytes.count - 9 - 3 * 8, as: UInt32.self)))
    bytes[second + 4] ^= 0xff
    var spooled = true
    let file = try open(bytes, spooled: &spooled)
    #expect(!spooled)
    let later = try file.read(at: 2 << 20, count: 100)
    #expect(later == Array(Self.sample[2 << 20..<2 << 20 + 100]))
    let error = #expect(throws: SystemError.self) { try file.read(at: 1 << 20 + 5000, count: 100) }
    #expect(error?.code == EBADMSG && error?.call.contains("frame at byte \(hex(UInt64(second)))") == true)
    #expect(throws: SystemError.self) { try file.check() }
    // Another try would read the same.
    let failure = try #require(error.flatMap { Failure($0) })
    #expect(failure.exitStatus(signal: 0) == .unusableInput)
  }

  @Test func frameSizesOfHostileTablesAreBounded() throws {
    var random = SeededGenerator(9)
    let plain = try RecipeSeekable.wrap(Array(Self.sample.prefix(1_200_000)), frame: 600_000)
    for _ in 0..<300 {
      var bytes = plain
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        bytes[bytes.count - 1 - Int.random(in: 0..<33, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      var spooled = false
      do { _ = try open(bytes, spooled: &spooled).read(at: 0, count: 100) } catch is HostDumpError {
      } catch is SystemError {}
    }
  }

  @Test func itsGuestsAreThoseOfThePlainFile() throws {
    let host = try HostRecipe("host ram 64M\nguest a ram 0-4M linux 6.1.0-a").build()
    let plain = try SplitRun(host, SplitRun.Options(input: { $0.kdump(.raw) }))
    let run = try SplitRun(
      host, SplitRun.Options(input: { (try? RecipeSeekable.wrap($0.kdump(.raw), frame: 1 << 20)) ?? [] }))
    #expect(try run.files() == plain.files())
    try run.expectExact(host.guests[0])
  }
}
