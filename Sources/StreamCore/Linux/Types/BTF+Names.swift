extension BTF {
  /// Bytes of a name that are looked at, at most. Source: include/linux/kallsyms.h, KSYM_NAME_LEN, 512 since 6.1.
  static let nameLimit = 512

  /// Whether the string at a byte of the blob is `name`.
  mutating func string(at start: Int, is name: [UInt8]) throws(BTFFault) -> Bool {
    try need(start, name.count + 1)
    return source.bytes.withBytes { span in
      for (index, byte) in name.enumerated() {
        guard let other: UInt8 = span.load(start + index), other == byte else { return false }
      }
      // The section ends with NUL, so a comparison ends in it.
      return span.load(start + name.count, as: UInt8.self) == 0
    }
  }

  /// The string at a byte of the blob.
  mutating func string(at start: Int) throws(BTFFault) -> [UInt8] {
    let end = min(header.strings.upperBound, start + Self.nameLimit)
    var at = start
    while at < end {
      let next = min(end, at + 64)
      try need(at, next - at)
      if let nul = source.bytes[at..<next].firstIndex(of: 0) { return Array(source.bytes[start..<nul]) }
      at = next
    }
    return Array(source.bytes[start..<max(start, end)])
  }

  /// Where the wanted strings stand in this blob: names by their offsets. Reads all strings.
  mutating func strings(named wanted: Set<String>) throws(BTFFault) -> [UInt32: String] {
    try need(header.strings.lowerBound, header.strings.count)
    let names = Dictionary(wanted.map { (Array($0.utf8), $0) }) { first, _ in first }
    // One bit for each last character at each length: a string ends here before it is copied.
    var filter = Array(repeating: SIMD4<UInt64>(), count: (names.keys.map(\.count).max() ?? 0) + 1)
    for name in names.keys {
      if let last = name.last { filter[name.count][Int(last >> 6)] |= 1 << UInt64(last & 63) }
    }
    var found: [UInt32: String] = [:]
    let shift = firstString - header.strings.lowerBound
    source.bytes.withBytes { span in
      span.forEachTerminated(in: header.strings) { range in
        guard !range.isEmpty, range.count < filter.count, let last: UInt8 = span.load(range.upperBound - 1),
          filter[range.count][Int(last >> 6)] >> UInt64(last & 63) & 1 == 1,
          let name = names[Array(source.bytes[range])]
        else { return }
        found[UInt32(truncatingIfNeeded: range.lowerBound + shift)] = name
      }
    }
    return found
  }

  /// Types that have one of these names and a size, by name: ids of this blob alone, ascending. One pass.
  /// - Parameter names: by the offsets of their strings, of this blob and of its base.
  mutating func types(named names: [UInt32: String]) throws(BTFFault) -> [String: [UInt32]] {
    try walk()
    var found: [String: [UInt32]] = [:]
    forEachNamed(names) { span, index, place, name in
      guard let info: UInt32 = span.load(place + 4), let record = BTFRecord(name: 0, info: info, sizeOrType: 0),
        record.kind.isType
      else { return }
      found[name, default: []].append(firstID + UInt32(index))
    }
    return found
  }

  /// The values of the enumerators with these names, ascending by type. One pass.
  /// - Parameter names: by the offsets of their strings, of this blob and of its base.
  mutating func enumerators(named names: [UInt32: String]) throws(BTFFault) -> [String: [Int64]] {
    try walk()
    var found: [String: [Int64]] = [:]
    source.bytes.withBytes { span in
      for place in records.lazy.map(Int.init) {
        guard let info: UInt32 = span.load(place + 4), let record = BTFRecord(name: 0, info: info, sizeOrType: 0),
          record.kind == .enumeration || record.kind == .enumeration64
        else { continue }
        for index in 0..<record.count {
          let entry = place + BTFRecord.size + index * record.kind.extra.each
          guard let offset: UInt32 = span.load(entry), let name = names[offset], let low: UInt32 = span.load(entry + 4)
          else { continue }
          let value: Int64
          if record.kind == .enumeration64 {
            let high: UInt32 = span.load(entry + 8) ?? 0
            value = Int64(bitPattern: UInt64(high) << 32 | UInt64(low))
          } else {
            value = record.flag ? Int64(Int32(bitPattern: low)) : Int64(low)
          }
          found[name, default: []].append(value)
        }
      }
    }
    return found
  }

  private func forEachNamed(
    _ names: [UInt32: String], _ body: (RawSpan, _ index: Int, _ place: Int, _ name: String) -> Void
  ) {
    // Most records end at one look into this filter.
    var filter: UInt64 = 0
    for offset in names.keys { filter |= 1 << UInt64(offset & 63) }
    source.bytes.withBytes { span in
      for index in records.indices {
        let place = Int(records[index])
        guard let offset: UInt32 = span.load(place), filter >> UInt64(offset & 63) & 1 == 1, let name = names[offset]
        else { continue }
        body(span, index, place, name)
      }
    }
  }

  private mutating func need(_ start: Int, _ size: Int) throws(BTFFault) {
    do throws(KernelReadFault) { try source.need(start, size) } catch { throw .unreadable(error) }
  }
}
