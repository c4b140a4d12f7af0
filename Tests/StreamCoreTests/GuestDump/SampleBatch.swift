import Foundation

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
  func open(_ image: GuestImage, _ path: String) throws -> any GuestDumpWriter {
    let (name, place) = try OutputPlace.split(path)
    return try open(image, name, place, 1 << 20)
  }
}

extension OutputPlace {
  /// A path's last component, and its directory, open and not locked.
  static func split(_ path: String, ways: [Way] = Way.allCases) throws(SystemError) -> (String, OutputPlace) {
    let url = URL(filePath: path)
    return (url.lastPathComponent, try OutputPlace(path: url.deletingLastPathComponent().path, ways: ways))
  }
}

extension OutputFile {
  convenience init(path: String, ways: [OutputPlace.Way] = OutputPlace.Way.allCases) throws(SystemError) {
    let (name, place) = try OutputPlace.split(path, ways: ways)
    try self.init(name, in: place)
  }
}

extension KdumpWriter {
  convenience init(_ image: GuestImage, path: String, memory: Int) throws {
    let (name, place) = try OutputPlace.split(path)
    try self.init(image, name, in: place, memory: memory)
  }
}

extension ElfWriter {
  convenience init(_ image: GuestImage, path: String) throws {
    let (name, place) = try OutputPlace.split(path)
    try self.init(image, name, in: place)
  }
}
