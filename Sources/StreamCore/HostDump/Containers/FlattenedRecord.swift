/// The head of one record of a flattened file: bytes that belong elsewhere in the plain one. Source:
/// Documentation/kdump-compressed.md §7.
struct FlattenedRecord: Sendable {
  /// Bytes of the head; the record's own bytes follow.
  static let headSize: UInt64 = 16

  /// Where the head stands in the flattened file.
  var head: UInt64
  /// Where its bytes belong in the plain file, and how many they are; not checked.
  var offset: Int64
  var size: Int64

  /// - Returns: `nil`: the file ends before or inside the head.
  init?(_ file: InputFile, at head: UInt64) throws(SystemError) {
    var words: (UInt64, UInt64)?
    do { words = try file.lend(at: head, count: Int(Self.headSize)) { $0.loadPair(0) } } catch {
      throw error as? SystemError ?? .cut(file.path)
    }
    guard let words else { return nil }
    self.head = head
    offset = Int64(bitPattern: words.0.byteSwapped)
    size = Int64(bitPattern: words.1.byteSwapped)
  }

  /// Behind the last record.
  var isEnd: Bool { offset == -1 && size == -1 }

  var data: UInt64 { head + Self.headSize }

  /// Of the plain file; `nil`: no writer writes such a record.
  var range: Range<UInt64>? {
    guard offset >= 0, size > 0, !offset.addingReportingOverflow(size).overflow else { return nil }
    return UInt64(offset)..<UInt64(offset) + UInt64(size)
  }
}
