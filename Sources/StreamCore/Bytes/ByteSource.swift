/// The bytes of an input, which may lie in several files.
///
/// What becomes of a read that fails is decided here: it throws, and the file keeps the failure. Whoever makes do
/// without those bytes may go on, and whoever ends a step of the work asks `check()`, before anything that rests on
/// them is believed, printed or named. So a page is bad or absent only where the input's own bytes say so. What else
/// keeps bytes from being understood, such as a codec without memory, is kept here too (`keep`) by whoever cannot throw
/// it.
final class ByteSource: Sendable {
  /// At least one.
  let files: [InputFile]

  init(_ first: InputFile, _ others: [InputFile] = []) { files = [first] + others }

  var first: InputFile { files[0] }

  /// The files as they were given, which may hold others in pieces.
  var given: [InputFile] { files.map(\.given) }

  /// Which files these are.
  var identities: Set<FileIdentity> { Set(files.compactMap(\.identity)) }

  /// `lend` copies nothing.
  var isMapped: Bool { files.allSatisfy(\.isMapped) }

  /// Lends bytes of one of the files, as `InputFile.lend` does.
  /// - Parameter file: index in `files`.
  @inline(__always)
  func lend<R>(at offset: UInt64, of file: Int, count: Int, _ body: (RawSpan) throws -> R) throws -> R {
    try files[file].lend(at: offset, count: count, body)
  }

  /// Makes `check` throw an error that whoever met it cannot throw.
  func keep(_ error: SystemError) { first.keep(error) }

  /// - Throws: the first failure of a read so far, or EIO when a file has shrunk since it was opened.
  func check() throws(SystemError) {
    for file in files { try file.check() }
  }
}
