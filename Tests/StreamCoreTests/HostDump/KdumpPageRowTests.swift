import Glibc
import HostRecipes
import Testing

@testable import StreamCore

/// Documentation/kdump-compressed.md §8, the rows about single pages: the damaged page is bad, with the place at fault,
/// and all others are the truth. A test bears its row's number.
@Suite struct KdumpPageRowTests {
  private static let frame: UInt64 = 6

  private func expectBad(
    _ reason: String, at offset: Int? = nil, _ location: SourceLocation = #_sourceLocation,
    _ damage: (inout KdumpSample) -> Void
  ) throws {
    var sample = KdumpSample()
    damage(&sample)
    let opened = try OpenedDump(sample.bytes)
    let bad = PageFault(.bad, frame: Self.frame, offset: UInt64(sample.descriptor(Self.frame)), reason: reason)
    #expect(try opened.entry(Self.frame) == .fault(bad), sourceLocation: location)
    #expect(HostMemory(opened.dump).page(Self.frame) == .bad, sourceLocation: location)
    try expectOthersRight(opened, location)
  }

  private func expectOthersRight(_ opened: OpenedDump, _ location: SourceLocation = #_sourceLocation) throws {
    let others = KdumpSample.stored.filter { $0 != Self.frame }
    #expect(opened.wrong(others, KdumpSample.page) == [], sourceLocation: location)
  }

  /// The descriptor is fine, the stream is not.
  private func expectDamaged(_ stream: [UInt8], _ codec: RecipeCodec, _ fault: DecodeFault) throws {
    var sample = KdumpSample()
    sample.restore(Self.frame, stream, codec)
    let opened = try OpenedDump(sample.bytes)
    let entry = try #require(try opened.entry(Self.frame))
    guard case .page(let page) = entry else {
      Issue.record("\(entry)")
      return
    }
    var decoded: [UInt8] = []
    let found = try stream.withBytes { try PageDecoder().decode($0, page.codec, into: &decoded) }
    #expect(found == fault)
    #expect(HostMemory(opened.dump).page(Self.frame) == .bad)
    try expectOthersRight(opened)
  }

  @Test func row29DescriptorNeverWritten() throws {
    var sample = KdumpSample()
    sample.replace(sample.descriptor(Self.frame), with: Array(repeating: 0, count: 24))
    let opened = try OpenedDump(sample.bytes)
    let place = UInt64(sample.descriptor(Self.frame))
    #expect(
      try opened.entry(Self.frame)
        == .fault(PageFault(.lost, frame: Self.frame, offset: place, reason: "descriptor never written")))
    #expect(HostMemory(opened.dump).page(Self.frame) == .absent)
    try expectOthersRight(opened)
  }

  @Test(arguments: [1 << 40, 1 << 63, UInt64.max, UInt64.max - 100])
  func row30And31OffsetPastTheEnd(offset: UInt64) throws {
    try expectBad("data at \(hex(offset)) past the end of the file") { $0.bytes.store(offset, at: $0.descriptor(6)) }
  }

  @Test(arguments: [1, 4096, 0x2000, 0x3fff])
  func row32OffsetInHeadersOrBitmaps(offset: UInt64) throws {
    try expectBad("offset \(hex(offset)) lies in headers or bitmaps") { $0.bytes.store(offset, at: $0.descriptor(6)) }
  }

  @Test func row32OffsetInTheDescriptorsIsSaid() throws {
    var sample = KdumpSample()
    sample.describe(Self.frame, at: UInt64(sample.table), size: 4096, flags: 0)
    let opened = try OpenedDump(sample.bytes)
    #expect(opened.dump.remarks == [])
    #expect(
      HostMemory(opened.dump).page(Self.frame).page?.bytes == Array(sample.bytes[sample.table..<sample.table + 4096]))
    try expectOthersRight(opened)
    #expect(opened.dump.remarks == [.damage("page descriptors point into their own table")])
  }

  @Test(arguments: [0, 4097, 8192, 1 << 31, UInt32.max])
  func row33To36CompressedSize(size: UInt32) throws {
    try expectBad("zlib page of \(size) bytes") { $0.bytes.store(size, at: $0.descriptor(6) + 8) }
  }

  @Test(arguments: [0, 1, 4095, 4097, UInt32.max])
  func row37RawSize(size: UInt32) throws {
    try expectBad("raw page of \(size) bytes") { sample in
      sample.describe(6, at: sample.offset(6), size: size, flags: 0)
    }
  }

  @Test(arguments: [0x40, 0x41, 0x8000_0001, 0x3, 0x6, 0x21, 0x27, 0x8, 0x10, 0x9, UInt32.max])
  func row38To41Flags(flags: UInt32) throws {
    try expectBad("flags \(hex(flags)) name no codec") { $0.bytes.store(flags, at: $0.descriptor(6) + 12) }
  }

  @Test(arguments: [RecipeCodec.zlib, .lzo, .snappy, .zstd])
  func row42CorruptStream(codec: RecipeCodec) throws {
    var stream = try #require(RecipeBytes.compress(KdumpSample.page(6), codec))
    // Not all of it may be damage that a decoder can see: cut, and end with what no stream has there.
    stream.removeLast(stream.count / 2)
    let faults: [RecipeCodec: DecodeFault] = [
      .zlib: .corrupt("ends early"), .lzo: .corrupt("INPUT_OVERRUN"), .snappy: .corrupt("INVALID_INPUT"),
      .zstd: .corrupt("Src size is incorrect"),
    ]
    try expectDamaged(stream, codec, try #require(faults[codec]))
  }

  @Test(arguments: [RecipeCodec.zlib, .lzo, .snappy, .zstd])
  func row43StreamOfLessThanAPage(codec: RecipeCodec) throws {
    let stream = try #require(RecipeBytes.compress(Array(repeating: 7, count: 4095), codec))
    try expectDamaged(stream, codec, .short(4095))
  }

  @Test(arguments: [RecipeCodec.zlib, .lzo, .snappy, .zstd])
  func row44StreamOfMoreThanAPage(codec: RecipeCodec) throws {
    let stream = try #require(RecipeBytes.compress(Array(repeating: 7, count: 4097), codec))
    try expectDamaged(stream, codec, .long)
  }

  @Test func row45LZOLeavesItsBounds() throws {
    // A literal, then a match from 2 KiB before the start; a run of literals longer than the stream.
    try expectDamaged([0x12, 0x41, 0x40, 0xff, 0x11, 0, 0], .lzo, .corrupt("LOOKBEHIND_OVERRUN"))
    try expectDamaged([0xff, 0x41, 0x42], .lzo, .corrupt("INPUT_OVERRUN"))
  }

  @Test func row46BytesBehindTheStream() throws {
    for codec in [RecipeCodec.lzo, .snappy, .zstd] {
      let stream = try #require(RecipeBytes.compress(KdumpSample.page(6), codec)) + [0, 0, 0]
      var sample = KdumpSample()
      sample.restore(Self.frame, stream, codec)
      let opened = try OpenedDump(sample.bytes)
      #expect(HostMemory(opened.dump).page(Self.frame) == .bad, "\(codec)")
      try expectOthersRight(opened)
    }
    var sample = KdumpSample()
    sample.restore(Self.frame, try #require(RecipeBytes.compress(KdumpSample.page(6), .zlib)) + [0, 0, 0], .zlib)
    #expect(try OpenedDump(sample.bytes).wrong(KdumpSample.stored, KdumpSample.page) == [])
  }

  @Test func row47DescriptorsOverlap() throws {
    var sample = KdumpSample()
    // Frame 6 is what lies from the middle of frame 10 on, frame 10 stays what it was.
    sample.describe(9, at: sample.offset(10) + 100, size: 4096, flags: 0)
    let opened = try OpenedDump(sample.bytes)
    _ = try opened.dump.entries(in: 0..<20)
    #expect(opened.dump.remarks == [.damage("page descriptors overlap each other")])
    #expect(opened.wrong(KdumpSample.stored.filter { $0 != 9 }, KdumpSample.page) == [])
  }

  @Test func row48DescriptorsInAnyOrder() throws {
    var sample = KdumpSample()
    for frame in KdumpSample.stored.reversed() where !KdumpSample.zeros.contains(frame) {
      let start = Int(sample.offset(frame))
      let stream = Array(sample.bytes[start..<start + Int(sample.size(frame))])
      sample.restore(frame, stream, RecipeCodec.pure[Int(frame) % 5])
    }
    let opened = try OpenedDump(sample.bytes)
    #expect(opened.wrong(KdumpSample.stored, KdumpSample.page) == [])
    #expect(opened.dump.remarks == [])
  }

  @Test func row70FileShrinksWhileItIsRead() throws {
    let sample = KdumpSample()
    let directory = try RecipeDirectory()
    let path = try directory.write(sample.bytes, as: "dump")
    let dump = try openHostDump(path: path)
    let file = directory.path.appending(path: "dump")
    // As another process would: the file is the same, its end is not.
    try truncate(file, to: sample.offset(10) + 1)
    // What the file no longer has reads as zeros at best: none of it is believed, and whole stages end with an error.
    let memory = HostMemory(dump)
    for frame in KdumpSample.stored { #expect(memory.page(frame) == .bad) }
    for size in [UInt64(sample.table), 0] {
      try truncate(file, to: size)
      #expect(throws: SystemError(call: "read", path: path, code: EIO)) { try dump.entries(in: 0..<1) }
    }
    #expect(dump.presence(5) == .unknown)
  }
}
