/// Bytes that go to a file one after the other, gathered into large writes.
struct SequentialWriter: Sendable {
  /// Bytes gathered before they are written.
  private static let room = 1 << 20

  private let file: OutputFile
  /// File offset of the next byte, those still gathered included.
  private(set) var end: UInt64
  private var gathered: [UInt8] = []

  init(_ file: OutputFile, at offset: UInt64) {
    self.file = file
    end = offset
  }

  mutating func write(_ bytes: [UInt8]) throws(SystemError) {
    if bytes.count >= Self.room {
      try flush()
      try file.write(bytes, at: end)
      end += UInt64(bytes.count)
      return
    }
    gathered += bytes
    end += UInt64(bytes.count)
    if gathered.count >= Self.room { try flush() }
  }

  mutating func flush() throws(SystemError) {
    guard !gathered.isEmpty else { return }
    try file.write(gathered, at: end - UInt64(gathered.count))
    gathered.removeAll(keepingCapacity: true)
  }
}
