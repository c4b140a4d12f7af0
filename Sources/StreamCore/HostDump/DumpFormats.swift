/// The formats that are read, by their magic. A format is added by a file and a line here.
private let formats: [(magic: [UInt8], open: @Sendable (DumpInput) throws(HostDumpError) -> any HostDump)] = [
  (
    KdumpHeader.magic,
    { input throws(HostDumpError) in
      let header = try KdumpHeader(input)
      return header.split == nil ? try KdumpDump(input, header) : try KdumpSet(input)
    }
  ),
  (LiMEImage.magic, { input throws(HostDumpError) in try LiMEImage.open(input) }),
  (ElfHeader.magic, { input throws(HostDumpError) in try ElfDump(input) }),
]

/// The first bytes of what is read.
let readableMagics = formats.map(\.magic) + [FlattenedFile.magic]

/// Opens the one host dump that all files of a source make.
/// - Throws: as `openHostDump`, and `.severalDumps` where they are several, each of its own.
func openWholeInput(_ source: ByteSource) throws(HostDumpError) -> any HostDump {
  let dump = try openHostDump(source)
  guard source.files.count > 1, !(dump is KdumpSet) else { return dump }
  for file in source.files.dropFirst() { _ = try openHostDump(ByteSource(file)) }
  throw .severalDumps(count: source.files.count)
}

/// Opens a host dump, whatever its format, by content: that in the first file, and where it is a part of a split set
/// those in all.
/// - Throws: `.system` when it cannot be read, `.unsupported` for what is known but not read,
/// `.unknown` for the rest, `.format` when it is of a format that is read and a header field cannot be right.
func openHostDump(_ source: ByteSource) throws(HostDumpError) -> any HostDump {
  let input = try DumpInput(source).unflattened()
  let head = try input.header(at: 0, count: 64)
  guard input.file.held(from: 0, count: 8) == 8 || !input.file.isCut else {
    throw .format(
      FormatError(
        file: input.path, offset: 0, field: "header", expected: "the first 8 bytes of a dump",
        found: "none of them in what is left of the file"))
  }
  for format in formats where head.starts(with: format.magic) { return try format.open(input) }
  for format in ForeignFormat.all where try format.matches(input) {
    throw .unsupported(file: input.path, format: format.name, remedy: format.remedy)
  }
  let found = head.isEmpty ? "an empty file" : head.prefix(8).map { hexByte($0) }.joined(separator: " ")
  throw .unknown(file: input.path, found: found)
}

private func hexByte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
