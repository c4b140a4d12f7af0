/// makedumpfile's flattened form of any dump: records of (offset, size, data) in the order of writing, big-endian.
/// Source: Documentation/kdump-compressed.md §7.
package enum RecipeFlattened {
  /// Wraps a plain file. Records are at most `recordSize` bytes; every second pair of neighbours changes places, as
  /// writers that seek back leave them.
  package static func wrap(_ file: [UInt8], recordSize: Int = 16384) -> [UInt8] {
    var bytes = Array("makedumpfile".utf8) + [0, 0, 0, 0] + be64(1) + be64(1)
    bytes += repeatElement(0, count: 4096 - bytes.count)
    var starts = Array(stride(from: 0, to: file.count, by: recordSize))
    for pair in stride(from: 0, to: starts.count - 1, by: 4) { starts.swapAt(pair, pair + 1) }
    for start in starts {
      let data = file[start..<min(start + recordSize, file.count)]
      bytes += be64(UInt64(start)) + be64(UInt64(data.count))
      bytes += data
    }
    return bytes + be64(.max) + be64(.max)
  }

  private static func be64(_ value: UInt64) -> [UInt8] { RecipeFile.le64(value).reversed() }
}
