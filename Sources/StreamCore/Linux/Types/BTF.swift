/// Type information of a kernel or of one module, hostile until checked. A module's is split: its type ids and string
/// offsets go on behind those of its base, vmlinux's. Source: Documentation/kvm.md §5.3, §5.4; kernel/bpf/btf.c.
///
/// Bytes are read as they are asked for. A record is found by the kernel's own index, or after one pass over all
/// records that writes down where each begins.
struct BTF: Sendable {
  /// What a split blob goes on behind.
  struct Base: Sendable, Equatable {
    /// One more than the base's last id.
    var endID: UInt32
    /// One more than the offset of its strings' last byte.
    var endString: Int
  }

  /// Types of base and blob together at most. The kernel's own limit is 2^20: kernel/bpf/btf.c, BTF_MAX_TYPE.
  static let typeLimit = 16 << 20

  let header: BTFHeader
  /// The id of the first record: 0 is void.
  let firstID: UInt32
  /// The offset that the first string has.
  let firstString: Int
  /// What a blob behind this one has for a base.
  private(set) var end: Base

  var source: BTFBytes
  private let isSplit: Bool
  private var index: BTFIndex?
  /// Where the records begin in the blob, by id less `firstID`; empty before the pass over them.
  private(set) var records: [UInt32] = []

  /// All of a blob.
  init(_ bytes: [UInt8], base: Base? = nil) throws(BTFFault) {
    try self.init(BTFBytes(bytes), base: base) { _, _ in nil }
  }

  /// - Parameter index: the kernel's own index of the blob, where there is one that proves to be it.
  init(
    _ source: consuming BTFBytes, base: Base? = nil, index: (inout BTFBytes, BTFHeader) -> BTFIndex?
  ) throws(BTFFault) {
    var source = source
    try Self.need(&source, 0, BTFHeader.size)
    header = try BTFHeader(source.bytes, available: source.count)
    try Self.need(&source, header.strings.upperBound - 1, 1)
    try Self.need(&source, header.strings.lowerBound, 1)
    // An empty name is the first string of a blob without base.
    guard header.strings.isEmpty ? base != nil : source.bytes[header.strings.upperBound - 1] == 0,
      base != nil || source.bytes[header.strings.lowerBound] == 0
    else { throw .badStrings }
    firstID = base?.endID ?? 1
    firstString = base?.endString ?? 0
    isSplit = base != nil
    self.index = index(&source, header)
    self.source = source
    end = Base(endID: UInt32(self.index?.count ?? Int(firstID)), endString: firstString + header.strings.count)
    if self.index == nil { try walk() }
  }

  /// Pages that were read of the dump, the index's too.
  var pagesRead: Int { source.pagesRead + (index?.pagesRead ?? 0) }

  private static func need(_ source: inout BTFBytes, _ start: Int, _ size: Int) throws(BTFFault) {
    do throws(KernelReadFault) { try source.need(start, size) } catch { throw .unreadable(error) }
  }

  /// Reads all records and writes down where they begin.
  mutating func walk() throws(BTFFault) {
    guard records.isEmpty, !header.types.isEmpty else { return }
    try Self.need(&source, header.types.lowerBound, header.types.count)
    if isSplit { try Self.need(&source, header.strings.lowerBound, header.strings.count) }
    records = try source.bytes.withBytes { (span) throws(BTFFault) in
      try Self.records(span, header, firstID: firstID, firstString: isSplit ? firstString : nil)
    }
    end.endID = firstID + UInt32(records.count)
  }

  /// - Parameter firstString: of a split blob.
  private static func records(
    _ span: RawSpan, _ header: BTFHeader, firstID: UInt32, firstString: Int?
  ) throws(BTFFault) -> [UInt32] {
    var records: [UInt32] = []
    records.reserveCapacity(header.types.count / 24)
    let limit = typeLimit - Int(firstID)
    var place = header.types.lowerBound
    let end = header.types.upperBound
    while place < end {
      let id = firstID &+ UInt32(records.count)
      guard records.count < limit else { throw .tooManyTypes(limit: typeLimit) }
      guard end - place >= BTFRecord.size, let name: UInt32 = span.load(place), let info: UInt32 = span.load(place + 4),
        let third: UInt32 = span.load(place + 8)
      else { throw .cutRecord(id: id) }
      guard let record = BTFRecord(name: name, info: info, sizeOrType: third) else {
        throw .unknownKind(id: id, info: info)
      }
      guard record.byteCount <= end - place else { throw .cutRecord(id: id) }
      if let firstString, !begins(span, header, name: Int(name), firstString) { throw .otherBase(id: id) }
      records.append(UInt32(place))
      place += record.byteCount
    }
    return records
  }

  /// Whether a name of a split blob is the base's, or begins where a string of the blob does. With another base the
  /// offsets are off, and the first few records show it.
  private static func begins(_ span: RawSpan, _ header: BTFHeader, name: Int, _ firstString: Int) -> Bool {
    guard name > firstString else { return true }
    let place = header.strings.lowerBound + (name - firstString)
    guard place < header.strings.upperBound, let before: UInt8 = span.load(place - 1) else { return false }
    return before == 0
  }

  /// The record of an id of this blob and where it begins, with all of it read; `nil` for ids that it does not have.
  mutating func record(_ id: UInt32) throws(BTFFault) -> (record: BTFRecord, place: Int)? {
    guard id >= firstID, id < end.endID else { return nil }
    if records.isEmpty, let found = indexed(id) { return found }
    try walk()
    let number = Int(id - firstID)
    guard number < records.count, let record = BTFRecord(source.bytes, Int(records[number])) else { return nil }
    return (record, Int(records[number]))
  }

  /// By the kernel's index, where it and the record agree.
  private mutating func indexed(_ id: UInt32) -> (record: BTFRecord, place: Int)? {
    let header = header
    guard var index = self.index else { return nil }
    self.index = nil
    defer { self.index = index }
    guard let place = index.place(of: id, header), let next = index.place(of: id &+ 1, header), next > place,
      (try? source.need(place, next - place)) != nil, let record = BTFRecord(source.bytes, place),
      place + record.byteCount == next
    else { return nil }
    return (record, place)
  }

  /// The word at `offset` bytes behind the three of a record that was read.
  // It changes nothing; said to, it is asked where the blob lies, and no copy of that is made.
  mutating func word(_ place: Int, _ offset: Int) -> UInt32? { source.bytes.load(place + BTFRecord.size + offset) }

  /// Where the string of an offset begins in the blob; `nil` where it is the base's, or nobody's.
  mutating func string(_ offset: UInt32) -> Int? {
    guard Int(offset) >= firstString, Int(offset) - firstString < header.strings.count else { return nil }
    return header.strings.lowerBound + (Int(offset) - firstString)
  }
}
