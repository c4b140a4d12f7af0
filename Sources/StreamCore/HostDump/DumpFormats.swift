/// A format that is read, and where its magic can stand, in bytes.
private struct Format: Sendable {
  let magic: [UInt8]
  var places: [UInt64] = [0]
  let open: @Sendable (DumpInput) throws(HostDumpError) -> any HostDump

  /// - Parameter bytes: the first of a file.
  func begins(_ bytes: [UInt8]) -> Bool {
    places.contains { bytes.dropFirst(Int($0)).starts(with: magic) }
  }
}

/// The formats that are read, by their magic. A format is added by a file and a line here.
private let formats: [Format] = [
  Format(magic: KdumpHeader.magic) { input throws(HostDumpError) in
    let header = try KdumpHeader(input)
    return header.split == nil ? try KdumpDump(input, header) : try KdumpSet(input)
  },
  Format(magic: LiMEImage.magic) { input throws(HostDumpError) in try LiMEImage.open(input) },
  Format(magic: ElfHeader.magic) { input throws(HostDumpError) in try ElfDump(input) },
  Format(magic: SadumpPartition.magic, places: [0, SadumpPartition.blockSize]) { input throws(HostDumpError) in
    try SadumpDump(input)
  },
]

/// First bytes of a file by which it is known to be read or not.
let headSize = Int(SadumpPartition.blockSize) + SadumpPartition.magic.count

/// Whether a file with these first bytes, `headSize` or all, is of a format that is read.
func beginsAsDump(_ bytes: [UInt8]) -> Bool {
  formats.contains { $0.begins(bytes) } || bytes.starts(with: FlattenedFile.magic)
}

/// Opens the one host dump that all files of a source make.
/// - Throws: as `openHostDump`, and `.severalDumps` where they are several, each of its own.
func openWholeInput(_ source: ByteSource) throws(HostDumpError) -> any HostDump {
  let dump = try openHostDump(source)
  let isSet = dump is KdumpSet || (dump as? SadumpDump)?.isDiskSet == true
  guard source.files.count > 1, !isSet else { return dump }
  for file in source.files.dropFirst() { _ = try openHostDump(ByteSource(file)) }
  throw .severalDumps(count: source.files.count)
}

/// Opens a host dump, whatever its format, by content: that in the first file, and where it is a part of a set those in
/// all.
/// - Throws: `.system` when it cannot be read, `.unsupported` for what is known but not read,
/// `.unknown` for the rest, `.format` when it is of a format that is read and a header field cannot be right.
func openHostDump(_ source: ByteSource) throws(HostDumpError) -> any HostDump {
  let input = try DumpInput(source).unflattened()
  let head = try input.header(at: 0, count: headSize)
  guard input.file.held(from: 0, count: 8) == 8 || !input.file.isCut else {
    throw .format(
      FormatError(
        file: input.path, offset: 0, field: "header", expected: "the first 8 bytes of a dump",
        found: "none of them in what is left of the file"))
  }
  for format in formats where format.begins(head) { return try format.open(input) }
  for format in ForeignFormat.all where try format.matches(input) {
    throw .unsupported(file: input.path, format: format.name, remedy: format.remedy)
  }
  let found = head.isEmpty ? "an empty file" : head.prefix(8).map { hexByte($0) }.joined(separator: " ")
  throw .unknown(file: input.path, found: found)
}

private func hexByte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
