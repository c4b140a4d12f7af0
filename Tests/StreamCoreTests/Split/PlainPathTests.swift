@testable import StreamCore
import HostModel
import HostRecipes
import Testing

/// The fast way (mapped files, heads alone, stored bytes passed through, workers) against the plain one, which reads
/// and decodes every page whole, one after the other: the same bytes come out.
@Suite struct PlainPathTests {
  private static let host = Result { try HostRecipe(recipe).build() }
  private static let recipe = """
    host ram 192M
    guest b ram 0-8M backing 2M linux 6.1.0-b
      vcpu running
      vcpu halted
    guest a ram 0-8M 4G-4G+2M backing 4K shuffled zero-share linux 6.1.0-a
      zero 3M-4M
      filter 5M-5M+64K
    share a 0x680000 b 0x680000
    """

  private func expectSame(_ options: SplitRun.Options, _ what: String) throws {
    let host = try Self.host.get()
    let fast = try SplitRun(host, options)
    var options = options
    options.isPlain = true
    let plain = try SplitRun(host, options)
    let (fastFiles, plainFiles) = (try fast.files(), try plain.files())
    #expect(fastFiles.keys.sorted() == plainFiles.keys.sorted(), "\(what)")
    #expect(fastFiles == plainFiles, "\(what)")
    #expect(fast.manifest.guests.map(\.badPages.count) == plain.manifest.guests.map(\.badPages.count), "\(what)")
    #expect(fast.manifest.guests.map(\.pages.absent) == plain.manifest.guests.map(\.pages.absent), "\(what)")
  }

  @Test(arguments: RecipeCodec.allCases)
  func undamagedDumpsOfEveryCodec(codec: RecipeCodec) throws {
    for (format, target) in [("kdump", nil), ("kdump", PageCodec.zstd), ("elf", nil)] {
      var options = SplitRun.Options()
      options.input = { $0.kdump(codec) }
      options.format = format
      options.codec = target
      try expectSame(options, "\(codec) to \(format) \(target?.name ?? "")")
    }
  }

  @Test func anELFCore() throws {
    for format in ["kdump", "elf"] {
      var options = SplitRun.Options()
      options.input = { $0.elf() }
      options.format = format
      try expectSame(options, "ELF to \(format)")
    }
  }

  /// Flipped bits and holes in the pages' bytes; with `--verify` both ways must find the same pages bad.
  @Test(arguments: [RecipeCodec.lzo, .zlib, .zstd, .snappy])
  func damagedPages(codec: RecipeCodec) throws {
    let host = try Self.host.get()
    let (file, places) = RecipeKdump(codec: codec).file(of: host)
    let clean = file.bytes
    let frames = host.guests.flatMap { guest in guest.ranges.joined().compactMap { guest.backing.frame($0) } }
    for seed in 1...4 as ClosedRange<UInt64> {
      var random = SplitMix64(seed: seed)
      var bytes = clean
      for _ in 0..<60 {
        let frame = frames[Int(random.below(UInt64(frames.count)))]
        guard let descriptor = places.descriptor(frame) else { continue }
        let offset = Int(RecipeReaders.le(bytes, Int(descriptor), 8))
        let size = Int(RecipeReaders.le(bytes, Int(descriptor) + 8, 4))
        guard offset < bytes.count, (1...4096).contains(size) else { continue }
        switch random.below(3) {
        case 0: bytes[min(bytes.count - 1, offset + Int(random.below(UInt64(size))))] ^= UInt8(1 << random.below(8))
        case 1: for at in offset + size / 2..<min(bytes.count, offset + size) { bytes[at] = 0 }
        default: bytes[Int(descriptor) + Int(random.below(16))] ^= UInt8(1 << random.below(8))
        }
      }
      var options = SplitRun.Options()
      let damaged = bytes
      options.input = { _ in damaged }
      options.verifies = true
      try expectSame(options, "\(codec), seed \(seed)")
    }
  }
}
