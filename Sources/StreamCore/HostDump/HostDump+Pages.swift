extension HostDump {
  /// Decodes every page of `frames` that can be decoded, ascending by frame.
  func forEachPage(
    in frames: Range<UInt64>, _ decoder: PageDecoder, for purpose: ReadPurpose,
    _ body: (_ frame: UInt64, _ page: [UInt8]) throws -> Void
  ) throws {
    var decoded: [UInt8] = []
    var asked = 0
    try visit(
      frames,
      page: { page in
        asked += Int(page.size)
        let fault = try file.lend(at: page.offset, count: Int(page.size)) {
          decoder.decode($0, page.encoding, into: &decoded)
        }
        if fault == nil { try body(page.frame, decoded) }
      }, fault: { _ in })
    file.counters.add(asked, purpose)
    try file.checkIntact()
  }
}
