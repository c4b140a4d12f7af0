/// Bytes of a dump that its writer makes, where in the file they belong: headers, notes, bitmaps, tables.
struct FilePart: Sendable, Equatable {
  var offset: UInt64
  var bytes: [UInt8]
}

extension OutputFile {
  func write(_ part: FilePart) throws(SystemError) { try write(part.bytes, at: part.offset) }
}
