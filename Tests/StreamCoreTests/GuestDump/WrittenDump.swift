import HostRecipes
@testable import StreamCore

/// A guest dump read back, slowly and from scratch: it shares no code with the readers of host dumps.
struct WrittenDump {
  struct Note: Equatable {
    var name: String
    var type: UInt32
    var descriptor: [UInt8]
  }
  struct Load: Equatable {
    var offset: UInt64
    var virtual: UInt64
    var physical: UInt64
    var bytes: UInt64
  }
  struct Mistake: Error { var text: String }

  let file: InputFile
  /// Guest frame to page, decoded.
  var pages: [UInt64: [UInt8]] = [:]
  /// kdump: first bitmap.
  var known: Set<UInt64> = []
  /// kdump: descriptors by frame.
  var descriptors: [UInt64: (offset: UInt64, size: UInt32, flags: UInt32)] = [:]
  /// kdump: the text that offset_vmcoreinfo points to.
  var vmcoreinfo: [UInt8] = []
  /// ELF: in file order.
  var loads: [Load] = []
  var notes: [Note] = []
  /// Offset of the first note.
  var notesOffset: UInt64 = 0

  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: UInt64, as type: T.Type = T.self) throws -> T {
    guard let value: T = try bytes(offset, MemoryLayout<T>.size).load(0) else {
      throw Mistake(text: "nothing at \(offset)")
    }
    return value
  }

  func bytes(_ offset: UInt64, _ count: Int) throws -> [UInt8] {
    let bytes = try file.read(at: offset, count: count)
    guard bytes.count == count else { throw Mistake(text: "\(offset) + \(count) lies past the end") }
    return bytes
  }

  // MARK: kdump

  static func kdump(_ path: String) throws -> WrittenDump {
    var dump = WrittenDump(file: try InputFile(path: path))
    guard try dump.bytes(0, 8) == Array("KDUMP   ".utf8) else { throw Mistake(text: "signature") }
    let block = UInt64(try dump.load(428, as: UInt32.self))
    let firstBitmap = (1 + UInt64(try dump.load(432, as: UInt32.self))) * block
    let half = UInt64(try dump.load(436, as: UInt32.self)) / 2 * block
    let frames = try dump.load(block + 96, as: UInt64.self)
    dump.known = try dump.bits(firstBitmap, below: frames)
    let stored = try dump.bits(firstBitmap + half, below: frames).sorted()
    let table = try dump.bytes(firstBitmap + 2 * half, 24 * stored.count)
    var decoded: [UInt64: [UInt8]] = [:]
    for (index, frame) in stored.enumerated() {
      guard let offset: UInt64 = table.load(24 * index), let size: UInt32 = table.load(24 * index + 8),
        let flags: UInt32 = table.load(24 * index + 12), table.load(24 * index + 16, as: UInt64.self) == 0
      else { throw Mistake(text: "descriptor of frame \(frame)") }
      if decoded[offset] == nil, let codec = RecipeCodec(rawValue: flags) {
        decoded[offset] = RecipeBytes.expand(try dump.bytes(offset, Int(size)), codec)
      }
      guard let page = decoded[offset] else { throw Mistake(text: "page of frame \(frame)") }
      dump.descriptors[frame] = (offset, size, flags)
      dump.pages[frame] = page
    }
    dump.vmcoreinfo = try dump.bytes(try dump.load(block + 32), Int(try dump.load(block + 40, as: UInt64.self)))
    try dump.readNotes(try dump.load(block + 48), Int(try dump.load(block + 56, as: UInt64.self)))
    return dump
  }

  private func bits(_ offset: UInt64, below frames: UInt64) throws -> Set<UInt64> {
    var result: Set<UInt64> = []
    for (index, byte) in try bytes(offset, Int((frames + 7) / 8)).enumerated() where byte != 0 {
      for bit in 0..<8 where byte >> UInt8(bit) & 1 == 1 { result.insert(UInt64(index * 8 + bit)) }
    }
    return result
  }

  // MARK: ELF

  /// - Parameter pages: whether to read the pages, too.
  static func elf(_ path: String, pages: Bool = true) throws -> WrittenDump {
    var dump = WrittenDump(file: try InputFile(path: path))
    guard try dump.bytes(0, 7) == [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], try dump.load(16, as: UInt32.self) == 62 << 16 | 4
    else { throw Mistake(text: "not an x86-64 core") }
    guard try dump.load(32, as: UInt64.self) == 64, try dump.load(52, as: UInt32.self) == 56 << 16 | 64 else {
      throw Mistake(text: "program headers are not at 64")
    }
    var count = UInt64(try dump.load(56, as: UInt16.self))
    if count == 0xffff {
      let section = try dump.load(40, as: UInt64.self)
      guard try dump.load(58, as: UInt32.self) == 1 << 16 | 64 else { throw Mistake(text: "section header 0") }
      count = UInt64(try dump.load(section + 44, as: UInt32.self))
      guard section == 64 + 56 * count else { throw Mistake(text: "section header 0 lies elsewhere") }
    }
    let table = try dump.bytes(64, Int(count) * 56)
    for at in stride(from: 0, to: table.count, by: 56) {
      guard let type: UInt32 = table.load(at), let offset: UInt64 = table.load(at + 8),
        let virtual: UInt64 = table.load(at + 16), let physical: UInt64 = table.load(at + 24),
        let size: UInt64 = table.load(at + 32), let memory: UInt64 = table.load(at + 40),
        let alignment: UInt64 = table.load(at + 48)
      else { throw Mistake(text: "program header") }
      guard size == memory, alignment == 0, type == (at == 0 ? 4 : 1) else {
        throw Mistake(text: "program header at \(at)")
      }
      if type == 4 {
        try dump.readNotes(offset, Int(size))
      } else {
        guard offset % 4096 == 0, offset + size <= dump.file.size else { throw Mistake(text: "p_offset \(offset)") }
        dump.loads.append(Load(offset: offset, virtual: virtual, physical: physical, bytes: size))
      }
    }
    for load in dump.loads where pages {
      for page in 0..<load.bytes / 4096 {
        let bytes = try dump.bytes(load.offset + page * 4096, 4096)
        let frame = load.physical / 4096 + page
        guard dump.pages[frame] == nil || dump.pages[frame] == bytes else { throw Mistake(text: "frame \(frame)") }
        dump.pages[frame] = bytes
      }
    }
    return dump
  }

  // MARK: notes

  private mutating func readNotes(_ offset: UInt64, _ size: Int) throws {
    notesOffset = offset
    notes = try Self.notes(in: bytes(offset, size))
  }

  static func notes(in bytes: [UInt8]) throws -> [Note] {
    var notes: [Note] = []
    var at = 0
    while at < bytes.count {
      guard let nameSize: UInt32 = bytes.load(at), let size: UInt32 = bytes.load(at + 4),
        let type: UInt32 = bytes.load(at + 8), nameSize > 0
      else { throw Mistake(text: "note header at \(at)") }
      let start = at + 12 + (Int(nameSize) + 3) / 4 * 4
      guard start + Int(size) <= bytes.count else { throw Mistake(text: "note at \(at)") }
      let name = String(decoding: bytes[at + 12..<at + 11 + Int(nameSize)], as: UTF8.self)
      notes.append(Note(name: name, type: type, descriptor: Array(bytes[start..<start + Int(size)])))
      at = start + (Int(size) + 3) / 4 * 4
    }
    return notes
  }
}
