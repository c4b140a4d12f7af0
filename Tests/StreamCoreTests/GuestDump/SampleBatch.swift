@testable import StreamCore

/// Pages with their bytes, to be placed and written at once.
struct SampleBatch {
  var payload: [UInt8] = []
  var pages: [OutputPage] = []
}

extension GuestDumpWriter {
  func append(_ batch: SampleBatch) throws(SystemError) {
    let places = try append(OutputBatch(payloadCount: batch.payload.count, pages: batch.pages))
    for place in places {
      // In two halves, the second first: the order of the writes must not matter.
      let middle = place.range.lowerBound + place.range.count / 2
      for range in [middle..<place.range.upperBound, place.range.lowerBound..<middle] {
        let pieces = [GatheredBytes.Piece.buffer(start: range.lowerBound, count: range.count)]
        try write(
          GatheredBytes(pieces[...], input: nil, buffer: batch.payload),
          at: place.offset + UInt64(range.lowerBound - place.range.lowerBound))
      }
    }
  }
}

extension GuestDumpWriter {
  func finish(force: Bool) throws -> OutputSummary {
    let dump = try complete()
    try dump.sync()
    try dump.commit(force: force)
    return dump.summary
  }
}

extension GuestDumpFormat {
  func open(_ image: GuestImage, _ path: String) throws(GuestDumpError) -> any GuestDumpWriter {
    try open(image, path, 1 << 20)
  }
}
