import HostModel
import HostRecipes
@testable import StreamCore

/// A small kdump-compressed file of 20 frames in all codecs: 12 and 13 are a hole, 5 is filtered, 3 and 7 share a
/// descriptor's target of zeros. Written by hand, so that a test can damage any byte of it. Source:
/// Documentation/kdump-compressed.md §1-6.
struct KdumpSample {
  static let frames: UInt64 = 20
  static let stored: [UInt64] = (0..<20).filter { ![5, 12, 13].contains($0) }
  static let zeros: Set<UInt64> = [3, 7]
  static let text = Array("OSRELEASE=6.1.0-sample\nPAGESIZE=4096\nNUMBER(phys_base)=-415236096\n".utf8)
  static let subHeaderSizes = [8, 12, 32, 48, 64, 80, 104]

  var bytes: [UInt8] = []
  var notes: [UInt8]
  let subHeader = 4096
  var bitmap1: Int { 4096 * 2 }
  var bitmap2: Int { 4096 * 3 }
  let table = 4096 * 4
  var data: Int { table + 24 * Self.stored.count }
  /// Bytes of the notes and of the text on its own, which stands behind them in the sub-header's block.
  var notesOffset: Int { subHeader + 104 }
  var textOffset: Int { notesOffset + notes.count }

  init(version: Int32 = 6, notes: [UInt8]? = nil, ownText: [UInt8] = text) {
    self.notes =
      notes
      ?? ElfNotes.processStatus(pid: 1, registers: [])
      + ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: Self.text)
    bytes = Array(repeating: 0, count: table + 24 * Self.stored.count)
    replace(0, with: Array("KDUMP   ".utf8))
    bytes.store(version, at: 8)
    for (index, name) in ["Linux", "host", "6.1.0-sample", "#1", "x86_64", "(none)"].enumerated() {
      replace(12 + 65 * index, with: Array(name.utf8))
    }
    for (offset, value) in [(424, 2), (428, 4096), (432, 1), (436, 2), (440, 20), (460, 1)] as [(Int, UInt32)] {
      bytes.store(value, at: offset)
    }
    bytes.store(UInt32(17), at: subHeader + 8)
    let places = [textOffset, ownText.count, notesOffset, self.notes.count].map { UInt64($0) }
    for (index, value) in places.enumerated() { bytes.store(value, at: subHeader + 32 + 8 * index) }
    bytes.store(Self.frames, at: subHeader + 96)
    // What the version does not have yet is undefined: all ones here.
    let size = Self.subHeaderSizes[Int(max(0, min(version, 6)))]
    replace(subHeader + size, with: Array(repeating: 0xff, count: 104 - size))
    replace(notesOffset, with: self.notes)
    replace(textOffset, with: ownText)
    for frame in 0..<Int(Self.frames) {
      let bit = UInt8(1) << UInt8(frame % 8)
      if frame != 12 && frame != 13 { bytes[bitmap1 + frame / 8] |= bit }
      if Self.stored.contains(UInt64(frame)) { bytes[bitmap2 + frame / 8] |= bit }
    }
    bytes += SparseMemory.zeroPage
    for frame in Self.stored { put(frame) }
  }

  private mutating func put(_ frame: UInt64) {
    guard !Self.zeros.contains(frame) else { return describe(frame, at: UInt64(data), size: 4096, flags: 0) }
    let codec = RecipeCodec.pure[Int(frame) % 5]
    let stream = RecipeBytes.compress(Self.page(frame), codec) ?? Self.page(frame)
    describe(frame, at: UInt64(bytes.count), size: UInt32(stream.count), flags: codec.rawValue)
    bytes += stream
  }

  mutating func replace(_ offset: Int, with new: [UInt8]) {
    bytes.replaceSubrange(offset..<offset + new.count, with: new)
  }

  /// File offset of a frame's descriptor.
  func descriptor(_ frame: UInt64) -> Int { table + 24 * (Self.stored.firstIndex(of: frame) ?? 0) }

  mutating func describe(_ frame: UInt64, at offset: UInt64, size: UInt32, flags: UInt32) {
    bytes.store(offset, at: descriptor(frame))
    bytes.store(size, at: descriptor(frame) + 8)
    bytes.store(flags, at: descriptor(frame) + 12)
  }

  /// Gives a frame other stored bytes, behind everything else.
  mutating func restore(_ frame: UInt64, _ stream: [UInt8], _ codec: RecipeCodec) {
    describe(frame, at: UInt64(bytes.count), size: UInt32(stream.count), flags: codec.rawValue)
    bytes += stream
  }

  func offset(_ frame: UInt64) -> UInt64 { RecipeReaders.le(bytes, descriptor(frame), 8) }
  func size(_ frame: UInt64) -> UInt32 { UInt32(RecipeReaders.le(bytes, descriptor(frame) + 8, 4)) }

  /// What the frame holds.
  static func page(_ frame: UInt64) -> [UInt8] {
    if zeros.contains(frame) { return SparseMemory.zeroPage }
    return (0..<4096).map { UInt8(truncatingIfNeeded: UInt64($0 / 64) &* 7 &+ frame &+ ($0 % 97 == 0 ? 1 : 0)) }
  }
}

/// A dump opened from bytes in a temporary file, which lives as long as this.
struct OpenedDump {
  let dump: any HostDump
  let path: String
  private let directory: RecipeDirectory

  init(_ bytes: [UInt8]) throws {
    directory = try RecipeDirectory()
    path = try directory.write(bytes, as: "dump")
    dump = try openHostDump(path: path)
  }

  /// Why the bytes are refused, the file's path as "dump"; `nil` when they are not.
  static func refusal(_ bytes: [UInt8]) throws -> HostDumpError? {
    let directory = try RecipeDirectory()
    let path = try directory.write(bytes, as: "dump")
    return refusal(path: path)
  }

  static func refusal(path: String) -> HostDumpError? {
    do throws(HostDumpError) {
      _ = try openHostDump(path: path)
      return nil
    } catch {
      switch error {
      case .format(var error):
        error.file = "dump"
        return .format(error)
      case .unsupported(_, let format, let remedy): return .unsupported(file: "dump", format: format, remedy: remedy)
      case .unknown(_, let found): return .unknown(file: "dump", found: found)
      case .severalDumps: return error
      case .system(var error):
        error.path = "dump"
        return .system(error)
      }
    }
  }

  func entry(_ frame: UInt64) throws -> StoredEntry? { try dump.entries(in: frame..<frame + 1).first }

  /// Frames whose page is not the truth.
  func wrong(_ frames: [UInt64], _ truth: (UInt64) -> [UInt8]) -> [UInt64] {
    let memory = HostMemory(dump)
    return frames.filter { memory.page($0).page?.bytes != truth($0) }
  }
}
