/// makedumpfile's flattened form of any dump: records of (offset, size, data) in the order of writing, big-endian.
/// Source: Documentation/kdump-compressed.md §7.
package enum RecipeFlattened {
  /// Wraps a plain file. Records are at most `recordSize` bytes; every second pair of neighbours changes places, as
  /// writers that seek back leave them.
  package static func wrap(_ file: [UInt8], recordSize: Int = 16384) -> [UInt8] {
    var starts = Array(stride(from: 0, to: file.count, by: recordSize))
    for pair in stride(from: 0, to: starts.count - 1, by: 4) { starts.swapAt(pair, pair + 1) }
    return head
      + starts.flatMap { record(at: UInt64($0), Array(file[$0..<min($0 + recordSize, file.count)])) } + end
  }

  /// What stands before the records.
  package static var head: [UInt8] {
    let words = Array("makedumpfile".utf8) + [0, 0, 0, 0] + be64(1) + be64(1)
    return words + [UInt8](repeating: 0, count: 4096 - words.count)
  }

  /// - Parameter size: what the record says of itself, where that is not the truth.
  package static func record(at offset: UInt64, _ data: [UInt8], size: UInt64? = nil) -> [UInt8] {
    be64(offset) + be64(size ?? UInt64(data.count)) + data
  }

  /// What stands behind the records.
  package static var end: [UInt8] { be64(.max) + be64(.max) }

  private static func be64(_ value: UInt64) -> [UInt8] { RecipeFile.le64(value).reversed() }
}
