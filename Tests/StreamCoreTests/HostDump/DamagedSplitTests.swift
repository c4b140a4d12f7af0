@testable import StreamCore
import HostRecipes
import Testing

/// Documentation/kdump-compressed.md §8 on the whole way: a damaged page of a guest is counted with its place, missing
/// in the guest's dump, and nothing else is.
@Suite struct DamagedSplitTests {
  private static let recipe = """
    host ram 32M seed 21
    guest a ram 0-1M+128K backing 4K nolinux
      untouched 0-512K
    """
  static let host: BuiltHost? = try? HostRecipe(recipe).build()

  /// A guest page that is not zero, and its host frame.
  private static func target(_ host: BuiltHost) throws -> (gfn: UInt64, frame: UInt64) {
    let guest = host.guests[0]
    let gfn = try #require(
      guest.ranges.joined().first { gfn in
        guard guest.status(gfn) == .mapped, let page = guest.page(gfn) else { return false }
        return RecipeCodec.pure.dropFirst().allSatisfy {
          RecipeBytes.compress(page, $0).map { $0.count > 100 } ?? false
        }
      })
    return (gfn, try #require(guest.backing.frame(gfn)))
  }

  /// Splits the host with its target damaged; the guest's dump must lack that page alone.
  private func expectOneBad(
    _ codec: RecipeCodec, _ options: SplitRun.Options = .init(), checked: String? = nil,
    _ location: SourceLocation = #_sourceLocation,
    _ damage: (inout [UInt8], _ descriptor: Int) throws -> (offset: Int, reason: String)
  ) throws {
    let host = try #require(Self.host)
    let target = try Self.target(host)
    let (file, places) = RecipeKdump(codec: codec).file(of: host)
    var bytes = file.bytes
    let (offset, reason) = try damage(&bytes, Int(try #require(places.descriptor(target.frame))))
    var options = options
    let input = bytes
    options.input = { _ in input }
    let run = try SplitRun(host, options)
    let guest = host.guests[0]
    let entry = try run.entry(guest)
    #expect(entry.badPages.count == 1, sourceLocation: location)
    #expect(entry.badPages.runs.map(\.gpa.value) == [target.gfn << 12], sourceLocation: location)
    #expect(entry.badPages.runs.map(\.offset) == [UInt64(offset)], sourceLocation: location)
    #expect(entry.badPages.runs.map(\.reason) == [reason], sourceLocation: location)
    if let checked { #expect(entry.checked == checked, sourceLocation: location) }
    #expect(run.manifest.exitStatus == .incomplete, sourceLocation: location)
    let pages = try run.pages(guest)
    for gfn in guest.ranges.joined() where guest.status(gfn) == .mapped {
      #expect(pages[gfn] == (gfn == target.gfn ? nil : guest.page(gfn)), sourceLocation: location)
    }
  }

  private func place(_ bytes: [UInt8], _ descriptor: Int) -> (offset: Int, size: Int) {
    (Int(RecipeReaders.le(bytes, descriptor, 8)), Int(RecipeReaders.le(bytes, descriptor + 8, 4)))
  }

  /// Rows 30, 31, 32, 33, 36, 38, 40, 41: the field's place in the descriptor, and its value.
  private static let descriptors: [(field: Int, value: UInt64, reason: String)] = [
    (0, 1 << 40, "data at 0x10000000000 past the end of the file"),
    (0, .max, "data at 0xffffffffffffffff past the end of the file"),
    (0, 4096, "offset 0x1000 lies in headers or bitmaps"),
    (8, 0x2_0000_0000, "lzo page of 0 bytes"), (8, 0x2_8000_0000, "lzo page of 2147483648 bytes"),
    (8, 0x40_0000_0064, "flags 0x40 name no codec"), (8, 0x3_0000_0064, "flags 0x3 name no codec"),
    (8, 0x8_0000_0064, "flags 0x8 name no codec"), (8, 0x10_0000_0064, "flags 0x10 name no codec"),
    (8, 100, "raw page of 100 bytes"),
  ]

  @Test(arguments: descriptors.indices)
  func rows30To41OfADescriptor(index: Int) throws {
    let row = Self.descriptors[index]
    try expectOneBad(.lzo) { bytes, descriptor in
      bytes.replaceSubrange(descriptor + row.field..<descriptor + row.field + 8, with: RecipeFile.le64(row.value))
      return (descriptor, row.reason)
    }
  }

  @Test(arguments: [RecipeCodec.zlib, .lzo, .snappy, .zstd], [true, false])
  func rows42And43CutStreamsShowWhenEachPageIsDecoded(codec: RecipeCodec, verifies: Bool) throws {
    var options = SplitRun.Options()
    options.verifies = verifies
    if !verifies { options.codec = codec == .zlib ? .lzo : .zlib }
    if codec == .zlib && !verifies { options.format = "elf" }
    let faults: [RecipeCodec: String] = [
      .zlib: "zlib: stream corrupt (ends early)", .lzo: "lzo: stream corrupt (INPUT_OVERRUN)",
      .snappy: "snappy: stream corrupt (INVALID_INPUT)", .zstd: "zstd: stream corrupt (Src size is incorrect)",
    ]
    if options.format == "elf" { options.codec = nil }
    try expectOneBad(codec, options, checked: verifies ? "pages" : nil) {
      bytes, descriptor in
      let size = self.place(bytes, descriptor).size / 2
      bytes.replaceSubrange(descriptor + 8..<descriptor + 12, with: RecipeFile.le32(UInt32(size)))
      return (self.place(bytes, descriptor).offset, try #require(faults[codec]))
    }
  }

  @Test(arguments: [RecipeCodec.zlib, .lzo, .snappy, .zstd], [4095, 4097])
  func rows43And44StreamsOfAnotherLength(codec: RecipeCodec, length: Int) throws {
    var options = SplitRun.Options()
    options.verifies = true
    try expectOneBad(codec, options) { bytes, descriptor in
      let stream = try #require(RecipeBytes.compress((0..<length).map { UInt8($0 / 100 & 0xff) }, codec))
      bytes.replaceSubrange(descriptor..<descriptor + 8, with: RecipeFile.le64(UInt64(bytes.count)))
      bytes.replaceSubrange(descriptor + 8..<descriptor + 12, with: RecipeFile.le32(UInt32(stream.count)))
      bytes += stream
      let name = "\(codec): "
      return (
        bytes.count - stream.count, name + (length < 4096 ? "decodes to 4095 bytes" : "decodes to more than 4096 bytes")
      )
    }
  }

  @Test(arguments: [RecipeCodec.lzo, .snappy, .zstd])
  func row46BytesBehindTheStream(codec: RecipeCodec) throws {
    let faults: [RecipeCodec: String] = [
      .lzo: "lzo: bytes after the end of the stream", .snappy: "snappy: stream corrupt (INVALID_INPUT)",
      .zstd: "zstd: stream corrupt (Src size is incorrect)",
    ]
    var options = SplitRun.Options()
    options.verifies = true
    try expectOneBad(codec, options) { bytes, descriptor in
      let old = self.place(bytes, descriptor)
      let stream = bytes[old.offset..<old.offset + old.size] + [0, 0]
      bytes.replaceSubrange(descriptor..<descriptor + 8, with: RecipeFile.le64(UInt64(bytes.count)))
      bytes.replaceSubrange(descriptor + 8..<descriptor + 12, with: RecipeFile.le32(UInt32(stream.count)))
      bytes += stream
      return (bytes.count - stream.count, try #require(faults[codec]))
    }
  }

  @Test func row29LostPagesAreAbsentAndListedWithTheirPlace() throws {
    let host = try #require(Self.host)
    let target = try Self.target(host)
    var options = SplitRun.Options()
    let place = try #require(RecipeKdump(codec: .lzo).file(of: host).places.descriptor(target.frame))
    options.input = { host in
      RecipeKdump(codec: .lzo).bytes(of: host) { bytes, places in
        guard let at = places.descriptor(target.frame).map({ Int($0) }) else { return }
        bytes.replaceSubrange(at..<at + 24, with: repeatElement(0, count: 24))
      }
    }
    let run = try SplitRun(host, options)
    let guest = host.guests[0]
    let entry = try run.entry(guest)
    #expect(entry.pages.absent["lost"] == 1)
    #expect(entry.badPages.count == 0)
    #expect(entry.badPages.runs.map(\.gpa.value) == [target.gfn << 12])
    #expect(entry.badPages.runs.map(\.offset) == [UInt64(place)])
    #expect(entry.badPages.runs.map(\.reason) == ["lost: descriptor never written"])
    let pages = try run.pages(guest)
    for gfn in guest.ranges.joined() where guest.status(gfn) == .mapped {
      #expect(pages[gfn] == (gfn == target.gfn ? nil : guest.page(gfn)))
    }
  }

  /// The whole way with a field of the headers damaged: both guests' pages are the truth all the same.
  private func run(fieldAt offset: Int, _ bytes: [UInt8]) throws -> Manifest {
    let host = try #require(Self.host)
    var options = SplitRun.Options()
    options.input = { host in
      RecipeKdump(codec: .lzo).bytes(of: host) { file, _ in
        file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      }
    }
    let run = try SplitRun(host, options)
    try run.expectExact(host.guests[0])
    return run.manifest
  }

  /// header_version, max_mapnr, nr_cpus, utsname.version.
  @Test(arguments: [
    (8, [7, 0, 0, 0]), (440, [7, 0, 0, 0]), (460, [0, 0, 0, 0]), (207, Array(repeating: 0x41, count: 65)),
  ])
  func rows10And24And62And63CostNothing(offset: Int, bytes: [UInt8]) throws {
    let manifest = try run(fieldAt: offset, bytes)
    #expect(manifest.warnings.contains { $0.code == .input })
    #expect(manifest.exitStatus == .complete)
  }

  /// offset_vmcoreinfo, offset_note, size_note: something that the host said of itself is not read.
  @Test(arguments: [(32, [0xff]), (48, [0xff]), (56, [1])] as [(Int, [UInt8])])
  func rows49To54SayThatSomethingIsMissing(field: Int, top: [UInt8]) throws {
    let manifest = try run(fieldAt: 4096 + field + 7, top)
    #expect(manifest.warnings.contains { $0.code == .damaged_input && $0.text.contains("lies outside the file") })
    #expect(manifest.exitStatus == .incomplete)
  }
}
