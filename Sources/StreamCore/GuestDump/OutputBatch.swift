/// One guest page of a batch.
struct OutputPage: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// 4096 bytes of zeros, known to be so.
    case zero
    /// `count` bytes from `start` of the batch's payload. Pages with equal bytes may name the same range.
    case stored(start: Int, count: Int, codec: PageCodec)
    /// Bytes of an earlier batch, that stand in the file at `offset` by now; only where the writer `sharesPages`.
    case placed(offset: UInt64, count: Int, codec: PageCodec)
  }
  var guestFrame: UInt64
  var content: Content
}

/// Pages of one guest, in any order, and how many bytes they have.
struct OutputBatch: Sendable {
  /// Bytes that the pages' ranges lie in.
  var payloadCount = 0
  var pages: [OutputPage] = []
}

/// A range of a batch's payload, and where in the file it belongs.
struct PayloadRange: Sendable, Equatable {
  var range: Range<Int>
  /// In the file, bytes.
  var offset: UInt64
}
