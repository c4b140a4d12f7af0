import Foundation
import Testing

@testable import host_maker

/// What a made host looks like in its file.
@Suite struct KdumpFileTests {
  /// Descriptors and bitmaps read back.
  private struct Made {
    let bytes: Data
    let summary: KdumpFile.Summary
    let options: HostOptions

    func number(_ offset: Int, _ width: Int) -> Int {
      (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    var table: Int { (1 + number(432, 4) + number(436, 4)) * 4096 }
    var descriptors: [(offset: Int, size: Int, flag: Int)] {
      (0..<Int(summary.frames)).map { index in
        let at = table + 24 * index
        return (number(at, 8), number(at + 8, 4), number(at + 12, 4))
      }
    }
    var zeroPage: Int { table + 24 * Int(summary.frames) }
    /// Stored sizes of all pages but the shared zero page.
    var sizes: [Int] { descriptors.filter { $0.offset != zeroPage }.map(\.size).sorted() }
  }

  private func make(
    _ size: UInt64 = 64 << 20, backing: Backing = .huge, codec: Codec = .lzo, guests: UInt64 = 2, seed: UInt64 = 1,
    sharesData: Bool = false
  ) throws -> Made {
    let options = HostOptions(
      size: size, guestSize: size / 2, guests: guests, vcpusPerGuest: 1, cpus: 2, backing: backing, codec: codec,
      seed: seed, sharesData: sharesData)
    #expect(options.fault == nil)
    let url = FileManager.default.temporaryDirectory.appending(path: "host-maker-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    let maker = try KdumpFile(
      options, kind: try #require(HostKind.standard), codec: try #require(PageCodec()),
      pool: try #require(PagePool.standard))
    let summary = try maker.write(to: url.path)
    return Made(bytes: try Data(contentsOf: url), summary: summary, options: options)
  }

  @Test func theSameOptionsGiveTheSameFileAndAnotherSeedAnother() throws {
    let first = try make(backing: .half)
    #expect(try make(backing: .half).bytes == first.bytes)
    #expect(try make(backing: .half, seed: 2).bytes != first.bytes)
  }

  @Test func allOfRAMIsInBothBitmapsAndHasADescriptorInsideTheFile() throws {
    let made = try make()
    let frames = 64 << 8
    #expect(made.summary.frames == UInt64(frames - 0x60))
    let start = (1 + made.number(432, 4)) * 4096
    let half = made.number(436, 4) * 2048
    for bitmap in [start, start + half] {
      let set = made.bytes[bitmap..<bitmap + half].reduce(0) { $0 + $1.nonzeroBitCount }
      #expect(set == frames - 0x60)
      #expect(made.bytes[bitmap + 0xa0 / 8] == 0)
    }
    #expect(made.descriptors.allSatisfy { $0.offset >= made.zeroPage && $0.offset + $0.size <= made.bytes.count })
    #expect(made.descriptors.allSatisfy { $0.size <= 4096 && ($0.flag == 0) == ($0.size == 4096) })
    #expect(made.bytes.count == Int(made.summary.bytes))
  }

  @Test(arguments: [Codec.lzo, .zlib])
  func sizesAreWithinFivePercentOfARealHosts(_ codec: Codec) throws {
    let made = try make(256 << 20, codec: codec)
    let zeros = Double(made.summary.zeroFrames) / Double(made.summary.frames - made.summary.builtFrames)
    #expect(abs(zeros / SizeTargets.zeroShare - 1) < 0.05)
    let wanted = SizeTargets.pairs.map { codec == .lzo ? $0.lzo : $0.zlib }.sorted()
    let found = made.sizes
    let mean = Double(wanted.reduce(0, +)) / Double(wanted.count)
    #expect(abs(Double(found.reduce(0, +)) / Double(found.count) / mean - 1) < 0.05)
    // How far the two distributions lie apart: the mean distance of their quantiles.
    let steps = 400
    let distance = (0..<steps).reduce(0.0) { sum, step in
      let place = (Double(step) + 0.5) / Double(steps)
      let pair = [found, wanted].map { Double($0[Int(place * Double($0.count))]) }
      return sum + abs(pair[0] - pair[1])
    }
    #expect(distance / Double(steps) / mean < 0.05)
  }

  @Test func sharedDataKeepsEveryDescriptorButNotThePages() throws {
    let whole = try make()
    let sparse = try make(sharesData: true)
    #expect(sparse.summary.frames == whole.summary.frames)
    #expect(sparse.summary.zeroFrames == whole.summary.zeroFrames)
    #expect(sparse.descriptors.map(\.size) == whole.descriptors.map(\.size))
    #expect(sparse.bytes.count < whole.bytes.count / 2)
    #expect(Set(sparse.descriptors.map(\.offset)).count < Set(whole.descriptors.map(\.offset)).count / 2)
  }

  @Test func theImageHoldsThePagesThatTheDumpStores() throws {
    let options = HostOptions(size: 64 << 20, guestSize: 32 << 20, guests: 1, cpus: 2, codec: .raw)
    let directory = FileManager.default.temporaryDirectory
    let urls = (0..<2).map { _ in directory.appending(path: "host-maker-\(UUID().uuidString)") }
    defer { urls.forEach { try? FileManager.default.removeItem(at: $0) } }
    let maker = try KdumpFile(
      options, kind: try #require(HostKind.standard), codec: try #require(PageCodec()),
      pool: try #require(PagePool.standard))
    let summary = try maker.write(to: urls[0].path, image: urls[1].path)
    let made = Made(bytes: try Data(contentsOf: urls[0]), summary: summary, options: options)
    let image = try Data(contentsOf: urls[1])
    #expect(image.count == 64 << 20)
    for (frame, descriptor) in zip(Array(0..<0xa0) + Array(0x100..<64 << 8), made.descriptors) {
      let page = made.bytes[descriptor.offset..<descriptor.offset + 4096]
      #expect(page == image[frame * 4096..<(frame + 1) * 4096], "frame \(frame)")
    }
  }

  @Test func aHostThatCannotBeIsRefused() {
    #expect(HostOptions(size: 1 << 20, guestSize: 1 << 20, guests: 1).fault != nil)
    #expect(HostOptions(size: 64 << 20, guestSize: 6 << 20, guests: 2).fault != nil)
    #expect(throws: NoRoom(what: "64 blocks of guests: 17 are left")) {
      try Geometry(HostOptions(size: 64 << 20, guestSize: 128 << 20, guests: 1, cpus: 2))
    }
  }
}
