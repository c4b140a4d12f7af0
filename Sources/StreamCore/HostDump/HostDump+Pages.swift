extension HostDump {
  /// Decodes every page of `frames` that can be decoded, ascending by frame.
  /// - Parameter fault: called for each that cannot.
  func forEachPage(
    in frames: Range<UInt64>, _ decoder: PageDecoder, for purpose: ReadPurpose,
    fault: () -> Void = {}, _ body: (_ frame: UInt64, _ page: [UInt8]) throws -> Void
  ) throws {
    var decoded: [UInt8] = []
    var asked = 0
    try visit(
      frames,
      page: { page in
        asked += Int(page.size)
        let damage = try input.source.lend(at: page.offset, of: Int(page.file), count: Int(page.size)) {
          try decoder.decode($0, page.codec, into: &decoded)
        }
        if damage == nil { try body(page.frame, decoded) } else { fault() }
      }, fault: { _ in fault() })
    input.counters.add(asked, purpose)
    try input.source.check()
  }
}
