import Foundation
import HostRecipes
import Testing

/// The dump files that the builder writes, read back by readers of the tests' own.
@Suite struct RecipeFileTests {
  static let text = """
    host ram 0-32M 256M-272M cpus 2 seed 5
    guest a ram 0-4M linux 6.1.0-a
      filter 1M-1M+64K
    """
  static let host: BuiltHost? = try? HostRecipe(text).build()

  @Test(arguments: RecipeCodec.allCases)
  func aKdumpFileGivesEveryPageBack(codec: RecipeCodec) throws {
    let host = try #require(Self.host)
    let (pages, known, _) = RecipeReaders.kdump(host.kdump(codec, level: 17))
    #expect(Set(pages.keys) == Set(host.storedFrames(level: 17)))
    #expect(known == Set(host.ram.joined()))
    #expect(pages.allSatisfy { host.memory.page($0.key) == $0.value })
    let guest = try #require(host.guests.first)
    let filtered = (256..<272 as Range<UInt64>).compactMap { guest.backing.frame($0) }
    #expect(filtered.allSatisfy { known.contains($0) && pages[$0] == nil })
  }

  @Test func zeroPagesShareOneTargetOnlyAtLevelOne() throws {
    let host = try #require(Self.host)
    let zeros = host.storedFrames(level: 16).filter { host.memory.isZero($0) }
    let shared = RecipeReaders.kdump(host.kdump(.lzo, level: 17)).targets
    let apart = RecipeReaders.kdump(host.kdump(.lzo, level: 16)).targets
    #expect(zeros.count > 100)
    #expect(Set(zeros.map { shared[$0] }).count == 1)
    #expect(Set(zeros.map { apart[$0] }).count == zeros.count)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt32>)
  func everyHeaderVersionHasWhatItKnows(version: UInt32) throws {
    let host = try #require(Self.host)
    let (file, places) = RecipeKdump(codec: .zstd, version: version).file(of: host)
    let bytes = file.bytes
    let text = Array(host.kernel.vmcoreInfo.utf8)
    #expect(RecipeReaders.kdump(bytes).pages.count == places.frames.count)
    if version >= 3 {
      let offset = Int(RecipeReaders.le(bytes, 4096 + 32, 8))
      #expect(Array(bytes[offset..<offset + Int(RecipeReaders.le(bytes, 4096 + 40, 8))]) == text)
    }
    if version >= 4 {
      let offset = Int(RecipeReaders.le(bytes, 4096 + 48, 8))
      let notes = Array(bytes[offset..<offset + Int(RecipeReaders.le(bytes, 4096 + 56, 8))])
      #expect(RecipeReaders.notes(notes, named: "VMCOREINFO") == [text])
      #expect(RecipeReaders.notes(notes, named: "CORE").map(\.count) == [336, 336])
    }
  }

  @Test func theTwoWaysToVMCoreInfoCanBeTakenApart() throws {
    let host = try #require(Self.host)
    let onlyText = RecipeKdump(hasTextNote: false).bytes(of: host)
    let offset = Int(RecipeReaders.le(onlyText, 4096 + 32, 8))
    #expect(Array(onlyText[offset..<offset + 10]) == Array("OSRELEASE=".utf8))
    let notes = Int(RecipeReaders.le(onlyText, 4096 + 48, 8))
    let size = Int(RecipeReaders.le(onlyText, 4096 + 56, 8))
    #expect(RecipeReaders.notes(Array(onlyText[notes..<notes + size]), named: "VMCOREINFO").isEmpty)
    let onlyNote = RecipeKdump(hasTextOffset: false).bytes(of: host)
    #expect(RecipeReaders.le(onlyNote, 4096 + 40, 8) == 0)
    let silent = try HostRecipe(Self.text + "\nno vmcoreinfo").build()
    let none = silent.kdump()
    #expect(RecipeReaders.le(none, 4096 + 40, 8) == 0)
    #expect(RecipeReaders.le(none, 4096 + 56, 8) == 2 * 356)
    #expect(RecipeReaders.notes(Array(none[4200..<4200 + 2 * 356]), named: "CORE").count == 2)
  }

  @Test func aPatchDamagesTheDescriptorOfItsFrame() throws {
    let host = try #require(Self.host)
    let vmcs = (host.guests.first?.vcpus.first?.vmcs ?? 0) >> 12
    let bytes = RecipeKdump(codec: .raw).bytes(of: host) { bytes, places in
      guard let place = places.descriptor(vmcs) else { return }
      bytes[Int(place) + 8] = 1
    }
    let (pages, known, _) = RecipeReaders.kdump(bytes)
    #expect(known.contains(vmcs) && pages[vmcs] == nil)
    #expect(pages.count == host.storedFrames(level: 17).count - 1)
  }

  @Test func partsOfASplitSetTileTheFile() throws {
    let host = try #require(Self.host)
    let parts = host.kdumpParts(2).map { RecipeReaders.kdump($0).pages }
    #expect(parts[0].keys.allSatisfy { $0 < 36864 } && parts[1].keys.allSatisfy { $0 >= 36864 })
    #expect(parts.allSatisfy { !$0.isEmpty })
    #expect(parts[0].merging(parts[1]) { _, _ in [] } == RecipeReaders.kdump(host.kdump()).pages)
  }

  @Test(arguments: [RecipeElf.Style.vmcore, .makedumpfile, .qemu], [false, true])
  func anELFFileGivesEveryPageBack(style: RecipeElf.Style, usesExtendedCount: Bool) throws {
    let host = try #require(Self.host)
    let level: UInt32 = style == .makedumpfile ? 17 : 16
    let bytes = host.elf(style, level: level, usesExtendedCount: usesExtendedCount)
    let (loads, notes) = RecipeReaders.elf(bytes)
    #expect(RecipeReaders.notes(notes, named: "VMCOREINFO") == [Array(host.kernel.vmcoreInfo.utf8)])
    #expect(RecipeReaders.le(bytes, 56, 2) == (usesExtendedCount ? 0xffff : UInt64(loads.count + 1)))
    #expect(RecipeReaders.le(bytes, 32, 8) == (style == .qemu ? 192 : 64))
    let hasText = loads.contains { $0.virtual >= 0xffff_ffff_8000_0000 && $0.physical >= host.kernel.image }
    #expect(hasText == (style != .qemu))
    #expect(loads.contains { $0.stored < $0.size } == (style == .makedumpfile))
    var found: Set<UInt64> = []
    for load in loads where load.virtual < 0xffff_ffff_8000_0000 || load.physical < host.kernel.image {
      for at in stride(from: 0, to: load.stored, by: 4096) {
        let frame = (load.physical + at) >> 12
        let start = Int(load.offset + at)
        #expect(Array(bytes[start..<start + 4096]) == host.memory.page(frame))
        found.insert(frame)
      }
    }
    let stored = host.storedFrames(level: 16).filter { style != .makedumpfile || !host.memory.isZero($0) }
    #expect(found == Set(stored))
  }

  @Test func lowMemoryOfAVmcoreEndsInsideAPage() throws {
    let host = try #require(Self.host)
    let loads = RecipeReaders.elf(host.elf(.vmcore, level: 0)).loads
    let low = try #require(loads.first { $0.physical < 0x10_0000 })
    #expect(low.physical == 0x1000 && low.physical + low.size == 0x9fc00)
  }

  @Test func aFlattenedFileHoldsThePlainOne() throws {
    let plain = try #require(Self.host).kdump()
    let bytes = RecipeFlattened.wrap(plain)
    func be(_ at: Int) -> Int { Int(truncatingIfNeeded: bytes[at..<at + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) }
    #expect(be(16) == 1 && be(24) == 1)
    var result = [UInt8](repeating: 0xff, count: plain.count)
    var at = 4096
    var starts: [Int] = []
    while be(at) >= 0 {
      starts.append(be(at))
      result.replaceSubrange(be(at)..<be(at) + be(at + 8), with: bytes[at + 16..<at + 16 + be(at + 8)])
      at += 16 + be(at + 8)
    }
    #expect(at == bytes.count - 16)
    #expect(starts != starts.sorted())
    #expect(result == plain)
  }

  @Test func memoryFarApartStaysCheap() throws {
    let host = try HostRecipe("host ram 0-32M 8T-8T+16M\nguest a ram 0-4M 512G-512G+1M linux 6.1.0-a").build()
    let (file, _) = RecipeKdump(codec: .zstd).file(of: host)
    let directory = try RecipeDirectory()
    let path = try directory.write(file, as: "far.kdump")
    let held = file.chunks.reduce(0) { $0 + $1.bytes.count }
    #expect(file.size > 512 << 20)
    #expect(held < 16 << 20)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64 == file.size)
  }
}
