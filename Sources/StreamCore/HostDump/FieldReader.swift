/// Reads named integers out of one header that is already in memory; a field that is not there becomes an error with
/// the file, the offset and the field's name.
struct FieldReader {
  let file: String
  /// File offset of the header's first byte.
  let base: UInt64
  let bytes: [UInt8]

  /// Up to `count` bytes of the dump's file from `base`, before the first that is missing.
  init(_ input: DumpInput, base: UInt64, count: Int) throws(HostDumpError) {
    input.counters.add(count, .headers)
    try self.init(input.file, base: base, count: count)
  }

  init(_ input: InputFile, base: UInt64, count: Int) throws(HostDumpError) {
    file = input.path
    self.base = base
    let held = Int(clamping: input.held(from: base, count: UInt64(max(0, count))))
    do throws(SystemError) { bytes = try input.read(at: base, count: held) } catch { throw .system(error) }
  }

  func read<T: FixedWidthInteger & BitwiseCopyable>(
    _ field: String, at offset: Int, as type: T.Type = T.self
  ) throws(HostDumpError) -> T {
    guard let value: T = bytes.load(offset) else {
      throw error(
        field, at: offset, expected: "\(MemoryLayout<T>.size) bytes",
        found: "\(max(0, bytes.count - offset)) before the end of the file")
    }
    return value
  }

  /// Throws unless the header's `count` bytes are there.
  func require(_ count: Int, _ header: String) throws(HostDumpError) {
    guard bytes.count >= count else {
      throw error(header, at: 0, expected: "\(count) bytes", found: "\(bytes.count) before the end of the file")
    }
  }

  func error(_ field: String, at offset: Int, expected: String, found: String) -> HostDumpError {
    .format(
      FormatError(file: file, offset: base + UInt64(offset), field: field, expected: expected, found: found))
  }
}
