@testable import StreamCore

/// Opens the host dump at `path`.
func openHostDump(path: String, mapped: Bool = true) throws(HostDumpError) -> any HostDump {
  let file: InputFile
  do throws(SystemError) { file = try InputFile(path: path, mapped: mapped) } catch { throw .system(error) }
  return try openHostDump(ByteSource(file))
}

extension HostDump {
  /// The stored pages of `frames`, ascending by frame, one entry for each frame whose presence is `stored`.
  func entries(in frames: Range<UInt64>) throws -> [StoredEntry] {
    var entries: [StoredEntry] = []
    try visit(frames, page: { entries.append(.page($0)) }, fault: { entries.append(.fault($0)) })
    return entries
  }
}
