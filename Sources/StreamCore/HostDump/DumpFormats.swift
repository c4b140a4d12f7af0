/// The formats that are read, by their magic. A format is added by a file and a line here.
private let formats: [(magic: [UInt8], open: @Sendable (InputFile) throws(HostDumpError) -> any HostDump)] = [
  (KdumpHeader.magic, { file throws(HostDumpError) in try KdumpDump(file) }),
  (ElfHeader.magic, { file throws(HostDumpError) in try ElfDump(file) }),
]

/// Opens a host dump, whatever its format, by content.
/// - Throws: `.system` when the file cannot be opened or read, `.unsupported` for what is known but not read,
/// `.unknown` for   the rest, `.format` when it is of a format that is read and a header field cannot be right.
public func openHostDump(path: String, mapped: Bool = true) throws(HostDumpError) -> any HostDump {
  let file: InputFile
  do throws(SystemError) { file = try InputFile(path: path, mapped: mapped) } catch { throw .system(error) }
  let head = try file.header(at: 0, count: 64)
  for format in formats where head.starts(with: format.magic) { return try format.open(file) }
  for format in ForeignFormat.all where try format.matches(file) {
    throw .unsupported(file: path, format: format.name, remedy: format.remedy)
  }
  let found = head.isEmpty ? "an empty file" : head.prefix(8).map { hexByte($0) }.joined(separator: " ")
  throw .unknown(file: path, found: found)
}

private func hexByte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
