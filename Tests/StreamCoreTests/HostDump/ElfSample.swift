import HostModel
import HostRecipes
@testable import StreamCore

/// A small ELF vmcore from its program headers, written by hand so that a test can say anything in them. Source:
/// Documentation/elf.md §1.1, §1.2.
struct ElfSample {
  struct Segment {
    var type: UInt32 = 1
    var offset: UInt64
    var physical: UInt64
    var stored: UInt64
    var size: UInt64
  }

  var segments: [Segment] = []
  var machine: UInt16 = 62
  var type: UInt16 = 4
  var flags: UInt32 = 0
  /// Program headers begin here.
  var table: UInt64 = 64
  /// What follows the headers, by offset.
  var pieces: [(offset: Int, bytes: [UInt8])] = []

  static let notesOffset = 0x1000
  static let dataOffset = 0x3000

  /// Frames 0x10 to 0x13 at 0x3000, with a VMCOREINFO note.
  init() {
    let notes = ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: KdumpSample.text)
    note(notes)
    load(0x10000, frames: 4, at: UInt64(Self.dataOffset))
  }

  init(segments: [Segment]) { self.segments = segments }

  mutating func note(_ bytes: [UInt8], at offset: Int = notesOffset) {
    segments.append(
      Segment(type: 4, offset: UInt64(offset), physical: 0, stored: UInt64(bytes.count), size: UInt64(bytes.count)))
    pieces.append((offset, bytes))
  }

  /// A PT_LOAD of whole frames whose bytes are `page` of the frame's place in the file.
  mutating func load(_ physical: UInt64, frames: UInt64, at offset: UInt64) {
    segments.append(Segment(offset: offset, physical: physical, stored: frames << 12, size: frames << 12))
    for index in 0..<frames {
      let at = offset + index << 12
      pieces.append((Int(at), Self.page(at)))
    }
  }

  /// What stands at a place of the file.
  static func page(_ offset: UInt64) -> [UInt8] {
    (0..<4096).map { UInt8(truncatingIfNeeded: offset >> 12 &* 31 &+ UInt64($0 / 16)) | 1 }
  }

  var header: [UInt8] {
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    bytes += RecipeFile.le16(type) + RecipeFile.le16(machine) + RecipeFile.le32(1) + RecipeFile.le64(0)
    bytes += RecipeFile.le64(table) + RecipeFile.le64(0) + RecipeFile.le32(flags)
    for half in [64, 56, UInt16(segments.count), 0, 0, 0] { bytes += RecipeFile.le16(half) }
    return bytes
  }

  var bytes: [UInt8] {
    var bytes = header
    bytes += repeatElement(0, count: max(0, Int(table) - bytes.count))
    for segment in segments {
      bytes += RecipeFile.le32(segment.type) + RecipeFile.le32(7)
      for word in [segment.offset, 0, segment.physical, segment.stored, segment.size, 0] {
        bytes += RecipeFile.le64(word)
      }
    }
    for piece in pieces {
      let end = piece.offset + piece.bytes.count
      bytes += repeatElement(0, count: max(0, end - bytes.count))
      bytes.replaceSubrange(piece.offset..<end, with: piece.bytes)
    }
    return bytes
  }
}
