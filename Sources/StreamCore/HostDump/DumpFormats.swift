/// The formats that are read, by their magic. A format is added by a file and a line here.
private let formats: [(magic: [UInt8], open: @Sendable (DumpInput) throws(HostDumpError) -> any HostDump)] = [
  (KdumpHeader.magic, { input throws(HostDumpError) in try KdumpDump(input) }),
  (ElfHeader.magic, { input throws(HostDumpError) in try ElfDump(input) }),
]

/// Opens a host dump, whatever its format, by content.
/// - Throws: `.system` when it cannot be read, `.unsupported` for what is known but not read,
/// `.unknown` for the rest, `.format` when it is of a format that is read and a header field cannot be right.
func openHostDump(_ source: ByteSource) throws(HostDumpError) -> any HostDump {
  let input = DumpInput(source)
  let head = try input.header(at: 0, count: 64)
  for format in formats where head.starts(with: format.magic) { return try format.open(input) }
  for format in ForeignFormat.all where try format.matches(input) {
    throw .unsupported(file: input.path, format: format.name, remedy: format.remedy)
  }
  let found = head.isEmpty ? "an empty file" : head.prefix(8).map { hexByte($0) }.joined(separator: " ")
  throw .unknown(file: input.path, found: found)
}

private func hexByte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
