/// zstd's seekable format: frames, and a table of their sizes behind them. Source: zstd, contrib/seekable_format.
package enum RecipeSeekable {
  /// - Parameters:
  ///   - frame: content of a frame, bytes.
  ///   - hasSums: a checksum stands with each frame's sizes; no reader here looks at it.
  package static func wrap(_ file: [UInt8], frame: Int, hasSums: Bool = false) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var table: [UInt8] = []
    var count: UInt32 = 0
    for start in stride(from: 0, to: file.count, by: frame) {
      let part = Array(file[start..<min(start + frame, file.count)])
      let stream = try RecipeWrapper.zstd.wrap(part)
      bytes += stream
      table += RecipeFile.le32(UInt32(stream.count)) + RecipeFile.le32(UInt32(part.count))
      if hasSums { table += RecipeFile.le32(0x5a5a_5a5a) }
      count += 1
    }
    table += RecipeFile.le32(count) + [hasSums ? 0x80 : 0] + RecipeFile.le32(0x8f92_eab1)
    return bytes + RecipeFile.le32(0x184d_2a5e) + RecipeFile.le32(UInt32(table.count)) + table
  }
}
