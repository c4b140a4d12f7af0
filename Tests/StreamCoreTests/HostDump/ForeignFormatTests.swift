import Foundation
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// What is no host dump that is read is refused by its name.
@Suite struct ForeignFormatTests {
  @Test(arguments: ForeignFormat.all.indices)
  func everyKnownFormatIsRefusedByName(index: Int) throws {
    let format = ForeignFormat.all[index]
    var bytes = [UInt8](repeating: 0x55, count: 8192)
    switch format.position {
    case .start(let offset): bytes.replaceSubrange(Int(offset)..<Int(offset) + format.magic.count, with: format.magic)
    case .end(let count):
      bytes.replaceSubrange(8192 - Int(count)..<8192 - Int(count) + format.magic.count, with: format.magic)
    }
    #expect(
      try OpenedDump.refusal(bytes) == .unsupported(file: "dump", format: format.name, remedy: format.remedy))
  }

  /// The magics as Documentation/elf.md §5 has them, apart from the product's list.
  @Test(arguments: [
    ("an LKCD dump", "ed238f61730119a8"), ("a VMware snapshot", "d2bed2be"),
    ("a QEMU migration stream", "5145564d00000003"),
    ("an AVML memory image", "41564d4c"), ("xz data", "fd377a585a00"),
    ("gzip data", "1f8b08"), ("zstd data", "28b52ffd"), ("bzip2 data", "425a68"), ("lz4 data", "04224d18"),
    ("a zip archive", "504b0304140000"), ("a 7z archive", "377abcaf271c0004"), ("lzop data", "894c5a4f000d0a1a0a1030"),
    ("a RAR archive", "526172211a0701"), ("compress data (.Z)", "1f9d90"),
    ("a Xen core", "edeb0ff0"), ("a Hyper-V saved state", "14202801"), ("a qcow2 disk image", "514649fb"),
    ("a libvirt save file", "4c696276697274516d756453617665"),
  ])
  func magicsAreThoseOfTheirFormats(name: String, magic: String) throws {
    let digits = name == "a libvirt save file" ? Array("LibvirtQemudSave".utf8) : Self.bytes(magic)
    guard case .unsupported(_, let found, _) = try OpenedDump.refusal(digits + [UInt8](repeating: 0, count: 100)) else {
      Issue.record("\(name) is not refused by name")
      return
    }
    #expect(found == name)
  }

  /// Its magic stands behind the first member's name.
  @Test func aTarArchiveIsKnownWhateverIsInIt() throws {
    var header = [UInt8](repeating: 0, count: 10_240)
    header.replaceSubrange(0..<6, with: Array("vmcore".utf8))
    header.replaceSubrange(257..<263, with: Array("ustar ".utf8))
    guard case .unsupported(_, "a tar archive", _) = try OpenedDump.refusal(header) else {
      Issue.record("not refused by name")
      return
    }
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
  }

  @Test func whatNobodyKnowsIsShown() throws {
    #expect(try OpenedDump.refusal([]) == .unknown(file: "dump", found: "an empty file"))
    #expect(try OpenedDump.refusal([1, 2, 0xff]) == .unknown(file: "dump", found: "01 02 ff"))
    #expect(
      try OpenedDump.refusal(SparseMemory.zeroPage) == .unknown(file: "dump", found: "00 00 00 00 00 00 00 00"))
  }

  @Test func whatIsNoFileFailsAndDoesNotWait() throws {
    let directory = try RecipeDirectory()
    let pipe = directory.path.appending(path: "pipe").path
    #expect(
      OpenedDump.refusal(path: pipe) == .system(SystemError(call: "open", path: "dump", code: ENOENT)))
    // Safe: the string lives across the call.
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    #expect(
      OpenedDump.refusal(path: pipe) == .system(SystemError(call: "open", path: "dump", code: ESPIPE)))
    #expect(
      OpenedDump.refusal(path: directory.path.path) == .system(SystemError(call: "open", path: "dump", code: EISDIR)))
  }
}
