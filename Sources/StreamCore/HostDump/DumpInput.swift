/// The bytes of a host dump, and how many of them were asked for.
struct DumpInput: Sendable {
  let source: ByteSource
  let counters = RequestedBytes()

  init(_ source: ByteSource) { self.source = source }

  /// The file that the headers stand in; of several the first.
  var file: InputFile { source.first }
  /// Its path as the user gave it.
  var path: String { file.path }

  /// Up to `count` bytes from `offset` of the first file, as part of opening the dump.
  func header(at offset: UInt64, count: Int) throws(HostDumpError) -> [UInt8] {
    counters.add(count, .headers)
    do throws(SystemError) { return try file.read(at: offset, count: count) } catch {
      throw .system(error)
    }
  }
}
