import Glibc

/// Bytes of an output that lie elsewhere until they are written: ranges of the input, or of a buffer, one behind the
/// other.
struct GatheredBytes: Sendable {
  enum Piece: Sendable, Equatable {
    /// A range of one of the input's files, bytes.
    case input(file: Int, offset: UInt64, count: Int)
    /// A range of the buffer.
    case buffer(start: Int, count: Int)

    var count: Int {
      switch self {
      case .input(_, _, let count), .buffer(_, let count): count
      }
    }

    /// Takes `next` in when its bytes follow this piece's in the same place.
    fileprivate mutating func join(_ next: Piece) -> Bool {
      switch (self, next) {
      case (.input(let file, let offset, let count), .input(let next, let following, let more))
      where file == next && offset + UInt64(count) == following:
        self = .input(file: file, offset: offset, count: count + more)
      case (.buffer(let start, let count), .buffer(let following, let more)) where start + count == following:
        self = .buffer(start: start, count: count + more)
      default: return false
      }
      return true
    }
  }

  let pieces: ArraySlice<Piece>
  let input: ByteSource?
  let buffer: [UInt8]

  /// - Parameters:
  ///   - input: what `.input` pieces name; `nil` when there are none.
  ///   - buffer: what `.buffer` pieces name.
  init(_ pieces: ArraySlice<Piece>, input: ByteSource?, buffer: [UInt8] = []) {
    self.pieces = pieces
    self.input = input
    self.buffer = buffer
  }
}

extension OutputFile {
  /// Bytes that small pieces are gathered in. Measured on pieces of 1.6 and 8 KB from a mapped file: to copy them into
  /// such a room and write that takes a third to a half of the time of writing them where they lie, alone or by
  /// pwritev.
  private static let room = 256 << 10
  /// A piece of at least this many bytes is written where it lies.
  private static let large = 64 << 10

  /// Writes the pieces one behind the other at `offset`.
  /// - Throws: what the file says, or that the input shrank: then nothing written may be believed.
  func write(_ gathered: GatheredBytes, at offset: UInt64) throws(SystemError) {
    var room: [UInt8] = []
    var end = offset
    var open: GatheredBytes.Piece?
    for piece in gathered.pieces {
      if var last = open {
        if last.join(piece) {
          open = last
          continue
        }
        try put(last, of: gathered, &room, at: &end)
      }
      open = piece
    }
    if let open { try put(open, of: gathered, &room, at: &end, isLast: true) }
    try flush(&room, at: &end)
    try gathered.input?.check()
  }

  private func put(
    _ piece: GatheredBytes.Piece, of gathered: GatheredBytes, _ room: inout [UInt8], at end: inout UInt64,
    isLast: Bool = false
  ) throws(SystemError) {
    // Alone it need not be copied, however small.
    let large = isLast && room.isEmpty ? 0 : Self.large
    if room.count + piece.count > Self.room || piece.count >= large { try flush(&room, at: &end) }
    var place = end
    var full = room
    room = []
    do {
      switch piece {
      case .input(let file, let offset, let count):
        try gathered.input?.lend(at: offset, of: file, count: count) { bytes in
          guard bytes.byteCount == count else {
            throw SystemError(call: "read", path: gathered.input?.files[file].path ?? path, code: EIO)
          }
          try put(bytes, &full, at: &place, large)
        }
      case .buffer(let start, let count):
        try gathered.buffer.withBytes { try put($0.extracting(start..<start + count), &full, at: &place, large) }
      }
    } catch let error as SystemError {
      throw error
    } catch {
      throw SystemError(call: "pwrite", path: path, code: EIO)
    }
    end = place
    room = full
  }

  private func put(
    _ bytes: RawSpan, _ room: inout [UInt8], at end: inout UInt64, _ large: Int
  ) throws(SystemError) {
    if bytes.byteCount >= large {
      try write(bytes, at: end)
      end += UInt64(bytes.byteCount)
    } else {
      room.append(bytes)
    }
  }

  private func flush(_ room: inout [UInt8], at end: inout UInt64) throws(SystemError) {
    guard !room.isEmpty else { return }
    try write(room, at: end)
    end += UInt64(room.count)
    room.removeAll(keepingCapacity: true)
  }
}
