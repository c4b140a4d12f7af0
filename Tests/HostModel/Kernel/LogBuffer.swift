/// A kernel's log as printk filled it from 3.5 to 5.9: records in one buffer, the oldest given up for new ones.
/// Source: kernel/printk/printk.c of 4.19, log_store and log_make_free_space.
public struct LogBuffer: Sendable {
  public private(set) var bytes: [UInt8]
  public private(set) var first: UInt64 = 0
  public private(set) var next: UInt64 = 0
  /// Each record has who wrote it: CONFIG_PRINTK_CALLER, since 5.1.
  public let hasCaller: Bool
  /// "printk_log", and "log" up to 3.10.
  public let structure: String

  private var header: UInt64 { hasCaller ? 20 : 16 }

  public init(size: Int, hasCaller: Bool = false, structure: String = "printk_log") {
    bytes = Array(repeating: 0, count: size)
    self.hasCaller = hasCaller
    self.structure = structure
  }

  /// Writes one record with a dictionary of so many bytes.
  public mutating func write(_ text: [UInt8], at time: UInt64, dictionary: Int = 0) {
    let length = (header + UInt64(text.count + dictionary) + 3) & ~3
    while !hasSpace(length) {
      first = follow(first)
    }
    if next + length + header > UInt64(bytes.count) {
      put(LittleEndian.bytes(UInt16(0)), at: next + 8)
      next = 0
    }
    var record = LittleEndian.bytes(time) + LittleEndian.bytes(UInt16(length)) + LittleEndian.bytes(UInt16(text.count))
    record += LittleEndian.bytes(UInt16(dictionary)) + [0, 0xc0]
    if hasCaller { record += LittleEndian.bytes(UInt32(0x8000_0001)) }
    record += text + Array(repeating: UInt8(ascii: "D"), count: dictionary)
    put(record, at: next)
    next += length
  }

  public mutating func write(_ text: String, at time: UInt64) { write(Array(text.utf8), at: time) }

  /// Also for an empty header, which says that the buffer begins again.
  private func hasSpace(_ length: UInt64) -> Bool {
    let size = UInt64(bytes.count)
    let isEmpty = first == next && load(first + 8) == 0
    let free = next > first || isEmpty ? max(size - next, first) : first - next
    return free >= length + header
  }

  private func follow(_ place: UInt64) -> UInt64 {
    let length = load(place + 8)
    return length == 0 ? load(8) : place + length
  }

  private func load(_ place: UInt64) -> UInt64 {
    place + 1 < UInt64(bytes.count) ? UInt64(bytes[Int(place)]) | UInt64(bytes[Int(place) + 1]) << 8 : 0
  }

  private mutating func put(_ new: [UInt8], at place: UInt64) {
    bytes.replaceSubrange(Int(place)..<Int(place) + new.count, with: new)
  }

  /// The keys that VMCOREINFO has of it.
  /// - Parameters:
  ///   - pointer: the virtual address of the variable `log_buf`.
  ///   - variables: of its length, then 8 bytes apart `log_first_idx` and `log_next_idx`.
  public func keys(pointer: UInt64, variables: UInt64) -> String {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) }
    let caller = hasCaller ? "OFFSET(\(structure).caller_id)=16\n" : ""
    return """
      SYMBOL(log_buf)=\(hex(pointer))
      SYMBOL(log_buf_len)=\(hex(variables))
      SYMBOL(log_first_idx)=\(hex(variables + 8))
      SYMBOL(clear_idx)=\(hex(variables + 24))
      SYMBOL(log_next_idx)=\(hex(variables + 16))
      SIZE(\(structure))=\(header)
      OFFSET(\(structure).ts_nsec)=0
      OFFSET(\(structure).len)=8
      OFFSET(\(structure).text_len)=10
      OFFSET(\(structure).dict_len)=12
      \(caller)
      """
  }
}
