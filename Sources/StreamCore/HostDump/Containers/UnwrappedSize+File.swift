extension UnwrappedSize {
  /// What a file of this codec says. Hostile: for a notice, and to refuse early what cannot fit.
  init(of file: InputFile, _ codec: StreamCodec) throws(SystemError) {
    switch codec {
    case .gzip: self = try Self.gzip(file)
    case .xz: self = try Self.xz(file)
    case .zstd: self = try Self.zstd(file)
    case .lz4: self = try Self.lz4(file)
    case .avml: self = .unknown
    }
  }

  /// The last member's size modulo 2^32. Source: RFC 1952 §2.3.1.
  private static func gzip(_ file: InputFile) throws(SystemError) -> UnwrappedSize {
    guard file.size >= 18 else { return .unknown }
    let size: UInt32? = try file.read(at: file.size - 4, count: 4).load(0)
    return size.map { .atLeast(UInt64($0)) } ?? .unknown
  }

  /// The sum of the index at the end of the last stream. Source: The .xz File Format 1.1.0, sections 2.1.2 and 4.
  private static func xz(_ file: InputFile) throws(SystemError) -> UnwrappedSize {
    guard file.size >= 32 else { return .unknown }
    let footer = try file.read(at: file.size - 12, count: 12)
    guard footer.suffix(2) == [0x59, 0x5a], let stored: UInt32 = footer.load(4) else { return .unknown }
    let indexSize = (UInt64(stored) + 1) * 4
    guard indexSize <= 1 << 20, indexSize + 12 <= file.size else { return .unknown }
    let index = try file.read(at: file.size - 12 - indexSize, count: Int(indexSize))
    var at = 1
    func number() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: 0 as UInt64, to: 63, by: 7) {
        guard at < index.count else { return nil }
        let byte = index[at]
        at += 1
        value |= UInt64(byte & 0x7f) << shift
        if byte & 0x80 == 0 { return value }
      }
      return nil
    }
    guard index.first == 0, let records = number(), records <= indexSize else { return .unknown }
    var sum: UInt64 = 0
    for _ in 0..<records {
      guard number() != nil, let size = number() else { return .unknown }
      let (more, overflow) = sum.addingReportingOverflow(size)
      if overflow { return .unknown }
      sum = more
    }
    return .atLeast(sum)
  }

  /// The first frame's content size, where it says one. Source: RFC 8878 §3.1.1.1.
  private static func zstd(_ file: InputFile) throws(SystemError) -> UnwrappedSize {
    let head = try file.read(at: 0, count: 18)
    guard let descriptor: UInt8 = head.load(4) else { return .unknown }
    let isSingleSegment = descriptor & 0x20 != 0
    let at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][Int(descriptor & 3)]
    switch descriptor >> 6 {
    case 0: return isSingleSegment ? head.load(at, as: UInt8.self).map { .atLeast(UInt64($0)) } ?? .unknown : .unknown
    case 1: return head.load(at, as: UInt16.self).map { .atLeast(UInt64($0) + 256) } ?? .unknown
    case 2: return head.load(at, as: UInt32.self).map { .atLeast(UInt64($0)) } ?? .unknown
    default: return head.load(at, as: UInt64.self).map { .atLeast($0) } ?? .unknown
    }
  }

  /// The first frame's content size, where it says one. Source: LZ4 Frame Format 1.6.3.
  private static func lz4(_ file: InputFile) throws(SystemError) -> UnwrappedSize {
    let head = try file.read(at: 0, count: 14)
    guard let flags: UInt8 = head.load(4), flags & 0x08 != 0, let size: UInt64 = head.load(6) else { return .unknown }
    return .atLeast(size)
  }
}
