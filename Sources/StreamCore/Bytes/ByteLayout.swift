/// Where the bytes of one file lie in another that holds it in pieces, or what they are made of. Where no piece has a byte
/// it is zero.
protocol ByteLayout: Sendable {
  /// One past the last byte that a piece has.
  var size: UInt64 { get }
  /// Pieces are missing, so that a byte without one is not known.
  var isCut: Bool { get }

  /// Whether a piece has the byte at `offset`, which is below `size`, and how far that holds for the bytes behind it.
  func run(at offset: UInt64) -> (isHeld: Bool, end: UInt64)

  /// Where the byte at `offset`, which a piece has, lies in the other file, and how many follow it there, itself
  /// counted.
  func place(of offset: UInt64) throws(SystemError) -> (place: UInt64, count: UInt64)

  /// The bytes of pieces stand in the other file as they are.
  var isInPlace: Bool { get }

  /// The bytes from `offset`, as far as `size`, by those of the other file.
  func bytes(of file: InputFile, at offset: UInt64, count: Int) throws(SystemError) -> [UInt8]
}

extension ByteLayout {
  var isInPlace: Bool { true }

  /// How many of the `count` bytes from `offset` pieces have before the first that none has.
  func held(from offset: UInt64, count: UInt64) -> UInt64 {
    let end = min(size, offset.addingReportingOverflow(count).overflow ? .max : offset + count)
    var at = offset
    while at < end {
      let run = run(at: at)
      guard run.isHeld else { break }
      at = run.end
    }
    return min(at, max(end, offset)) - offset
  }

  /// The first byte at or after `offset` that a piece has.
  func nextData(from offset: UInt64) -> UInt64? {
    guard offset < size else { return nil }
    let run = run(at: offset)
    if run.isHeld { return offset }
    return run.end < size ? run.end : nil
  }

  func bytes(of file: InputFile, at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    let count = offset < size ? min(UInt64(max(0, count)), size - offset) : 0
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(count))
    while UInt64(bytes.count) < count {
      let at = offset + UInt64(bytes.count)
      let rest = count - UInt64(bytes.count)
      let run = run(at: at)
      guard run.isHeld else {
        bytes.append(contentsOf: repeatElement(0, count: Int(min(rest, run.end - at))))
        continue
      }
      let piece = try place(of: at)
      let take = Int(min(rest, piece.count))
      let part = try file.read(at: piece.place, count: take)
      guard part.count == take, take > 0 else { throw SystemError.cut(file.path) }
      bytes += part
    }
    return bytes
  }
}
