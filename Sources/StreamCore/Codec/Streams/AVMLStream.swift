import CSnappy

/// AVML's compressed images, made LiME's: of each range the header, then its bytes in snappy's frames, then the number
/// of bytes that these took. Source: AVML, src/image.rs; snappy, framing_format.txt; Documentation/elf.md §5.
final class AVMLStream: StreamDecoder {
  static let magic = Array("AVML".utf8)

  /// What the next bytes of the input are.
  private enum Part {
    case rangeHeader
    case frameHeader
    case frame(type: UInt8)
    /// Bytes of the range's frames.
    case frameBytes
  }

  private var part = Part.rangeHeader
  /// Bytes that the part has, and those of them that are here.
  private var needed = headerSize
  private var pending: [UInt8] = []
  /// Of the range: bytes still to come, and bytes of frames so far.
  private var left: UInt64 = 0
  private var taken: UInt64 = 0
  /// Bytes of the image that are still to go out, from `sent` on.
  private var ready: [UInt8] = []
  private var sent = 0

  private static let headerSize = 32
  /// What a frame holds at most, uncompressed.
  private static let frameLimit = 65_536

  var isWhole: Bool {
    if case .rangeHeader = part { return pending.isEmpty && sent == ready.count }
    return false
  }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
  ) throws(StreamFault) -> StreamStep {
    var step = StreamStep(consumed: 0, produced: 0)
    while true {
      while sent < ready.count, step.produced < output.count {
        let count = min(ready.count - sent, output.count - step.produced)
        // Safe: both ranges have `count` bytes.
        unsafe ready.withUnsafeBytes { bytes in
          unsafe UnsafeMutableRawBufferPointer(rebasing: output[step.produced..<step.produced + count]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[sent..<sent + count]))
        }
        sent += count
        step.produced += count
      }
      guard sent == ready.count else { return step }
      let count = min(needed - pending.count, input.count - step.consumed)
      // Safe: the range lies in the input.
      unsafe pending.append(contentsOf: input[step.consumed..<step.consumed + count])
      step.consumed += count
      guard pending.count == needed else { return step }
      ready.removeAll(keepingCapacity: true)
      sent = 0
      try take()
      pending.removeAll(keepingCapacity: true)
    }
  }

  /// The part is here.
  private func take() throws(StreamFault) {
    switch part {
    case .rangeHeader: try takeRange()
    case .frameHeader:
      taken += 4
      let size = (1...3).reduce(0) { $0 | Int(pending[$1]) << (8 * ($1 - 1)) }
      part = .frame(type: pending[0])
      needed = size
      // A part without bytes is here already.
      if size == 0 { try takeFrame(pending[0], []) }
    case .frame(let type): try takeFrame(type, pending)
    case .frameBytes:
      guard pending.load(0, as: UInt64.self) == taken else { throw .corrupt("a range's frames have another length") }
      part = .rangeHeader
      needed = Self.headerSize
    }
  }

  private func takeRange() throws(StreamFault) {
    guard pending.starts(with: Self.magic), pending.load(4, as: UInt32.self) == 2,
      let start: UInt64 = pending.load(8), let last: UInt64 = pending.load(16), start <= last, last < 1 << 52
    else { throw .corrupt("what should be the header of a range is none of version 2") }
    ready = Array("EMiL".utf8)
    ready.append(littleEndian: 1 as UInt32)
    ready.append(littleEndian: start)
    ready.append(littleEndian: last)
    ready.append(littleEndian: 0 as UInt64)
    left = last - start + 1
    taken = 0
    (part, needed) = (.frameHeader, 4)
  }

  private func takeFrame(_ type: UInt8, _ bytes: [UInt8]) throws(StreamFault) {
    taken += UInt64(bytes.count)
    switch type {
    case 0x00, 0x01:
      guard let sum: UInt32 = bytes.load(0) else { throw .corrupt("a frame without a checksum") }
      ready = try type == 0 ? Self.uncompressed(bytes) : Array(bytes.dropFirst(4))
      guard ready.count <= Self.frameLimit, UInt64(ready.count) <= left else {
        throw .corrupt("a frame has more than its range")
      }
      guard CRC32C.masked(ready[...]) == sum else { throw .corrupt("a frame's checksum is wrong") }
      left -= UInt64(ready.count)
    case 0xff:
      guard bytes == Array("sNaPpY".utf8) else { throw .corrupt("a stream identifier that is none") }
    case 0x80...0xfe: break
    default: throw .corrupt("a frame of unknown type \(type)")
    }
    (part, needed) = left == 0 ? (.frameBytes, 8) : (.frameHeader, 4)
  }

  /// What a frame's bytes behind the checksum come to.
  private static func uncompressed(_ bytes: [UInt8]) throws(StreamFault) -> [UInt8] {
    var size = frameLimit
    var room = [UInt8](unwritten: frameLimit)
    // Safe: the library keeps to both lengths; chars and bytes have one size.
    let code = unsafe bytes.withUnsafeBytes { source in
      unsafe room.withUnsafeMutableBytes { room in
        unsafe snappy_uncompress(
          source.baseAddress?.advanced(by: 4).assumingMemoryBound(to: CChar.self), source.count - 4,
          room.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
      }
    }
    guard code == SNAPPY_OK, size <= room.count else { throw .corrupt("a frame does not decode") }
    room.removeLast(room.count - size)
    return room
  }
}
