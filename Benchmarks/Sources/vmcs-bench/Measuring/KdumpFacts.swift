import Foundation

/// What a kdump-compressed file of header version 6 holds, by its own headers and descriptors: how many bytes a reader
/// has to ask for.
struct KdumpFacts: Equatable, Sendable {
  /// Headers and bitmaps.
  var headers = 0
  var descriptors = 0
  /// Bytes of all stored pages; the first one, which zero pages share, counts once.
  var stored = 0
  /// The first bytes of them: at most 128 of a raw, LZO or snappy page, all of another.
  var heads = 0

  static let descriptorSize = 24
  private static let headSize = 128
  private static let chunk = 1 << 16

  /// What a search of all pages may request.
  var list: Int { headers + descriptors * Self.descriptorSize + heads }
  /// What copying all pages may request.
  var pages: Int { descriptors * Self.descriptorSize + stored }

  init(headers: Int = 0, descriptors: Int = 0, stored: Int = 0, heads: Int = 0) {
    self.headers = headers
    self.descriptors = descriptors
    self.stored = stored
    self.heads = heads
  }

  /// Reads header, second bitmap and all descriptors.
  init(path: String) throws {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw BenchError.missing(what: path, advice: "it was there a moment ago")
    }
    defer { try? file.close() }
    let header = [UInt8](try file.read(upToCount: 8192) ?? Data())
    guard header.count == 8192, header.starts(with: "KDUMP   ".utf8) else {
      throw BenchError.missing(what: "a kdump header in \(path)", advice: "only kdump-compressed files are counted")
    }
    let half = Self.number(header, 436, 4) * 2048
    let bitmap = (1 + Self.number(header, 432, 4)) * 4096 + half
    headers = bitmap + half
    try file.seek(toOffset: UInt64(bitmap))
    var left = half
    while left > 0, let bytes = try file.read(upToCount: min(left, Self.chunk)), !bytes.isEmpty {
      descriptors += bytes.reduce(0) { $0 + $1.nonzeroBitCount }
      left -= bytes.count
    }
    try readDescriptors(file)
  }

  private mutating func readDescriptors(_ file: FileHandle) throws {
    // Writers point all zero pages to the first stored page.
    var first: Int?
    var left = descriptors
    while left > 0 {
      let count = min(left, Self.chunk)
      let table = [UInt8](try file.read(upToCount: count * Self.descriptorSize) ?? Data())
      guard table.count == count * Self.descriptorSize else {
        throw BenchError.missing(what: "a descriptor", advice: "the file is cut")
      }
      for at in stride(from: 0, to: table.count, by: Self.descriptorSize) {
        let offset = Self.number(table, at, 8)
        let size = Self.number(table, at + 8, 4)
        let flag = Self.number(table, at + 12, 4)
        let shared = headers + descriptors * Self.descriptorSize
        if offset == shared {
          guard first == nil else { continue }
          first = offset
        }
        stored += size
        heads += [0, 2, 4].contains(flag) ? min(size, Self.headSize) : size
      }
      left -= count
    }
  }

  private static func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> Int {
    var value = 0
    for index in 0..<width { value |= Int(bytes[offset + index]) << (8 * index) }
    return value
  }
}
