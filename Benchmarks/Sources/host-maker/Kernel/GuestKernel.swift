/// A guest's Linux kernel: just enough in the guest's own memory that the guest can be told by name, and that dump
/// tools read its page tables. All places are in the 2 MiB of its image.
struct GuestKernel: Sendable {
  static let third: UInt64 = 0x9000
  static let text: UInt64 = 0xb000
  static let direct: UInt64 = 0xc000
  static let note: UInt64 = 0xd000
  /// The array of section roots, four pages, and the roots' pages.
  static let sections: UInt64 = 0xf000
  static let sectionRoots: UInt64 = 0x14000
  static let tableFlags: UInt64 = 0x67
  static let idle: UInt64 = 0x1230

  /// GPA of `_stext`.
  let image: UInt64
  let offset: UInt64
  let directMap: UInt64
  /// One past the guest's highest address.
  private let end: UInt64

  var stext: UInt64 { HostKernel.textBase + 0x100_0000 + offset }
  var root: UInt64 { image + HostKernel.Place.swapper }
  private var physBase: Int64 { Int64(image) - 0x100_0000 - Int64(offset) }

  /// - Parameter number: of the guest; its name follows.
  init(_ guest: Geometry.Guest, seed: UInt64) {
    var random = Random(seed: seed)
    end = guest.address(block: guest.blocks - 1) + HostOptions.block
    image = (guest.blocks > 16 ? 8 : 1) << 21
    offset = random.below(400) << 21
    directMap = 0xffff_8880_0000_0000 + random.below(0x1000) << 30
  }

  /// Puts the kernel's pages where `frame` says that they lie in the host.
  func write(node: String, into memory: inout KernelMemory, frame: (UInt64) -> UInt64?) {
    var own = KernelMemory(free: 0..<0)
    own.write([0xfb, 0xf4, 0xc3], at: image + Self.idle)
    for (place, name) in HostKernel.utsname(node: node).enumerated() {
      own.write(name.utf8, at: image + HostKernel.Place.utsNamespace + UInt64(place) * 65)
    }
    // The text's tables: top level, third level, one page of 2 MiB.
    own.store(image + Self.third | Self.tableFlags, at: root + 511 * 8)
    own.store(image + Self.text | Self.tableFlags, at: image + Self.third + 510 * 8)
    own.store(image | PageTables.text | 0x80, at: image + Self.text + (stext >> 21 & 0x1ff) * 8)
    // The direct map: one table of pages of 1 GiB is enough for 512 GiB less the base's place in it.
    own.store(image + Self.direct | Self.tableFlags, at: root + (directMap >> 39 & 0x1ff) * 8)
    let first = directMap >> 30 & 0x1ff
    for page in first..<512 {
      own.store((page - first) << 30 | PageTables.data | 0x80, at: image + Self.direct + page * 8)
    }
    for page in 0..<4 as Range<UInt64> { own.fill(KernelMemory.zero, frame: (image + Self.sections) >> 12 + page) }
    for section in 0..<(end + 0x7ff_ffff) >> 27 {
      let root = image + Self.sectionRoots + (section / 256) << 12
      own.store(directMap + root, at: image + Self.sections + section / 256 * 8)
      own.store(HostKernel.section, at: root + section % 256 * 16)
    }
    let text = HostKernel.vmcoreInfo(
      stext: stext, offset: offset, physBase: physBase, memSection: directMap + image + Self.sections)
    own.write(Notes.note(name: "VMCOREINFO", type: 0, descriptor: Array(text.utf8)), at: image + Self.note)
    for (page, words) in own.pages {
      guard let place = frame(page << 12) else { continue }
      memory.fill(words, frame: place)
    }
  }
}

/// ELF notes: name and descriptor padded to 4 bytes.
enum Notes {
  static func note(name: String, type: UInt32, descriptor: [UInt8]) -> [UInt8] {
    var bytes = littleEndian(UInt32(name.utf8.count + 1)) + littleEndian(UInt32(descriptor.count))
    bytes += littleEndian(type) + padded(Array(name.utf8) + [0]) + padded(descriptor)
    return bytes
  }

  /// CORE/NT_PRSTATUS of a CPU: 336 bytes, the pid at 32, 27 registers from 112 on.
  static func processStatus(pid: UInt32, registers: [UInt64]) -> [UInt8] {
    var words = [UInt64](repeating: 0, count: 42)
    words[4] = UInt64(pid)
    for (index, value) in registers.prefix(27).enumerated() { words[14 + index] = value }
    return note(name: "CORE", type: 1, descriptor: words.flatMap { littleEndian($0) })
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
  }
}

/// The bytes of an integer, low first.
func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
}
