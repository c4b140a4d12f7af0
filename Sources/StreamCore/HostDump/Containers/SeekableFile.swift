import Glibc
import Synchronization

/// zstd's seekable format: frames that can each be decoded alone, and a table of their sizes at the end, in a frame to be
/// skipped. Read in place: a frame is decoded when a byte of it is asked for, and the last few are kept. Source: zstd,
/// contrib/seekable_format; Documentation/codecs.md §3.
final class SeekableFile: ByteLayout {
  let size: UInt64
  let isCut = false
  let isInPlace = false
  private let file: InputFile
  /// Frames with content, and one place behind the last; ascending.
  private let places: [Place]
  private let slots: [Slot]

  /// Where a frame begins in the file and in what the file comes to.
  private struct Place: Sendable {
    var stored: UInt64
    var content: UInt64
  }

  /// The frame that was decoded last of those that share the slot.
  private final class Slot: Sendable {
    let kept = Mutex<(index: Int, bytes: [UInt8])>((-1, []))
  }

  /// Bytes of decoded frames that are kept.
  private static let keptBytes: UInt64 = 32 << 20
  /// Content of a frame at most, and of all frames on average at least, so that the table stays within a bit a page.
  private static let largestFrame: UInt64 = 8 << 20
  private static let leastContent: UInt64 = 512 << 10
  private static let countLimit: UInt32 = 1 << 20

  private static let footerSize = 9
  private static let magic: UInt32 = 0x8f92_eab1
  private static let skippable: UInt32 = 0x184d_2a5e

  /// `nil`: there is no such table, it does not hold, or its frames are not of a size to be read so. Such a file is
  /// unwrapped whole, which needs no table.
  init?(_ file: InputFile) throws(SystemError) {
    guard let places = try Self.places(file), let end = places.last, places.count > 1 else { return nil }
    var largest: UInt64 = 0
    for (place, next) in zip(places, places.dropFirst()) { largest = max(largest, next.content - place.content) }
    let frames = UInt64(places.count - 1)
    guard largest <= Self.largestFrame, frames == 1 || end.content / frames >= Self.leastContent else { return nil }
    self.file = file
    self.places = places
    size = end.content
    slots = (0..<Int(min(frames, Self.keptBytes / largest))).map { _ in Slot() }
  }

  private static func places(_ file: InputFile) throws(SystemError) -> [Place]? {
    guard file.size > UInt64(footerSize) else { return nil }
    let footer = try file.read(at: file.size - UInt64(footerSize), count: footerSize)
    guard footer.load(5) == magic, let count: UInt32 = footer.load(0), let form: UInt8 = footer.load(4),
      form & 0x7c == 0, (1...countLimit).contains(count)
    else { return nil }
    let entrySize = form & 0x80 == 0 ? 8 : 12
    let bytes = 8 + Int(count) * entrySize + footerSize
    guard UInt64(bytes) < file.size else { return nil }
    let start = file.size - UInt64(bytes)
    let table = try file.read(at: start, count: bytes)
    guard table.load(0) == skippable, table.load(4) == UInt32(bytes - 8) else { return nil }
    var places: [Place] = []
    var place = Place(stored: 0, content: 0)
    for index in 0..<Int(count) {
      guard let stored: UInt32 = table.load(8 + index * entrySize),
        let content: UInt32 = table.load(12 + index * entrySize)
      else { return nil }
      // What has no content is a frame to be skipped, and is decoded with the one before it.
      if content > 0 { places.append(place) }
      place.stored += UInt64(stored)
      place.content += UInt64(content)
    }
    guard place.stored == start else { return nil }
    return places + [place]
  }

  func run(at offset: UInt64) -> (isHeld: Bool, end: UInt64) { (true, size) }

  /// No byte stands in the file as it is.
  func place(of offset: UInt64) throws(SystemError) -> (place: UInt64, count: UInt64) { throw .cut(file.path) }

  func bytes(of file: InputFile, at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    let end = offset < size ? offset + min(UInt64(max(0, count)), size - offset) : offset
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(end - offset))
    var at = offset
    while at < end {
      let index = places.partitioningIndex { $0.content > at } - 1
      let start = places[index].content
      let stop = min(end, places[index + 1].content)
      bytes += try frame(index)[Int(at - start)..<Int(stop - start)]
      at = stop
    }
    return bytes
  }

  private func frame(_ index: Int) throws(SystemError) -> [UInt8] {
    try slots[index % slots.count].kept.withLock { kept throws(SystemError) in
      if kept.index != index { kept = (index, try decoded(index)) }
      return kept.bytes
    }
  }

  private func decoded(_ index: Int) throws(SystemError) -> [UInt8] {
    let (place, next) = (places[index], places[index + 1])
    do {
      return try file.lend(at: place.stored, count: Int(next.stored - place.stored)) { stored in
        try ZstdFrames.decode(stored, size: Int(next.content - place.content))
      }
    } catch StreamFault.corrupt(let reason) {
      throw SystemError(
        call: "decode zstd's frame at byte \(hex(place.stored)): \(reason)", path: file.path, code: EBADMSG)
    } catch StreamFault.unavailable {
      throw SystemError(call: "decode zstd data", path: file.path, code: ENOMEM)
    } catch {
      throw error as? SystemError ?? .cut(file.path)
    }
  }
}
