/// The log of kernels since 5.10: a ring of descriptors, one of what is known of each record, and one of texts.
/// Source: kernel/printk/printk_ringbuffer.h and .c.
struct PrintkRing: Sendable {
  private let layout: PrintkRingLayout
  private let descriptors: VirtualAddress
  private let infos: VirtualAddress
  private let texts: VirtualAddress
  /// Descriptors, a power of two.
  private let count: UInt64
  /// Bytes of the ring of texts, a power of two.
  private let size: UInt64
  private var descriptorPages: KernelPageReader
  private var infoPages: KernelPageReader
  private var textPages: KernelPageReader
  /// The descriptor that is next, and how many are left.
  private var id: UInt64
  private var left: UInt64
  /// Bytes of text that the records of a ring can have between them yet.
  private var textLeft: UInt64
  private(set) var losses = LogLosses()

  /// A descriptor's number is in the low 62 bits of its state, and what it is in the two above.
  private static let idMask = UInt64.max >> 2
  /// `desc_committed` and `desc_finalized`.
  private static let readable: ClosedRange<UInt64> = 1...2
  /// Bytes before each text: its descriptor's number.
  private static let textHeader: UInt64 = 8

  init(_ kernel: LinuxKernel, _ keys: LogKeys) throws(KernelLogFault) {
    layout = try PrintkRingLayout(keys)
    let head = try Self.head(kernel, keys, count: layout.ringSize)
    func word(_ offset: Int) -> UInt64 { head.load(offset) ?? 0 }
    let ring = layout.descriptorRing
    let text = layout.textRing
    count = try Self.power(
      of: head.load(ring + layout.countBits) ?? 0, in: "its ring of records", limit: KernelLog.recordLimit, unit: 32)
    size = try Self.power(
      of: head.load(text + layout.sizeBits) ?? 0, in: "its ring of texts", limit: KernelLog.byteLimit, unit: 1)
    descriptors = VirtualAddress(rawValue: word(ring + layout.descriptors))
    infos = VirtualAddress(rawValue: word(ring + layout.infos))
    texts = VirtualAddress(rawValue: word(text + layout.data))
    let first = word(ring + layout.tail) & Self.idMask
    let last = word(ring + layout.head) & Self.idMask
    let distance = (last &- first) & Self.idMask
    left = min(distance, count - 1) + 1
    id = (last &- (left - 1)) & Self.idMask
    if distance >= count {
      losses.cut = "its oldest record is said to be \(distance) before the newest, and its ring has room for \(count)"
    }
    textLeft = size
    descriptorPages = KernelPageReader(kernel)
    infoPages = KernelPageReader(kernel)
    textPages = KernelPageReader(kernel)
  }

  mutating func next() -> LogRecord? {
    while left > 0 {
      let id = self.id
      let place = descriptors &+ (id % count) &* UInt64(layout.descriptorSize)
      let descriptor: [UInt8]
      do throws(KernelReadFault) {
        descriptor = try descriptorPages.bytes(place, count: layout.descriptorSize)
      } catch {
        skip(descriptorsFrom: place, error)
        continue
      }
      advance(1)
      let state: UInt64 = descriptor.load(layout.state) ?? 0
      guard state & Self.idMask == id, Self.readable.contains(state >> 62) else { continue }
      let begin: UInt64 = descriptor.load(layout.begin) ?? 0
      let end: UInt64 = descriptor.load(layout.end) ?? 0
      // Records without text have both alike, odd ones.
      guard begin % size != end % size else { continue }
      if let record = record(id, from: begin, to: end) { return record }
    }
    return nil
  }

  private mutating func record(_ id: UInt64, from begin: UInt64, to end: UInt64) -> LogRecord? {
    do throws(KernelReadFault) {
      let info = try infoPages.bytes(
        infos &+ (id % count) &* UInt64(layout.infoSize), count: layout.infoSize)
      guard let (start, room) = block(from: begin, to: end) else {
        losses.addBroken()
        return nil
      }
      let length = min(UInt64(info.load(layout.textLength, as: UInt16.self) ?? 0), room)
      guard length <= textLeft else {
        losses.cut = "its records have more text than its ring of \(size) bytes can hold: what follows is left out"
        left = 0
        return nil
      }
      textLeft -= length
      return LogRecord(
        sequence: info.load(layout.sequence), nanoseconds: info.load(layout.time) ?? 0,
        caller: info.load(layout.caller), level: layout.level.flatMap { info.load($0, as: UInt8.self) }.map { $0 >> 5 },
        text: try textPages.bytes(texts &+ start, count: Int(length)))
    } catch {
      losses.add(unreadable: 1, error)
      return nil
    }
  }

  /// Where the text of a block begins in the ring, and how many bytes it can have. A block never wraps: what does not fit
  /// behind the last one stands at the ring's start. Source: get_data.
  private func block(from begin: UInt64, to end: UInt64) -> (start: UInt64, room: UInt64)? {
    var start = begin % size
    var stop = end % size
    if start > stop {
      // Since 6.18 a block may end with the ring.
      if stop == 0, begin / size == (end &- 1) / size { stop = size } else { start = 0 }
    }
    guard stop - start >= Self.textHeader else { return nil }
    return (start + Self.textHeader, stop - start - Self.textHeader)
  }

  /// Passes by records so that at most so many are left.
  /// - Returns: whether there were any.
  mutating func skip(toLast count: UInt64) -> Bool {
    guard left > count else { return false }
    advance(left - count)
    return true
  }

  private mutating func advance(_ steps: UInt64) {
    id = (id &+ steps) & Self.idMask
    left -= steps
  }

  /// Passes by the descriptors that begin in a page which cannot be read, or lie across its end.
  private mutating func skip(descriptorsFrom place: VirtualAddress, _ fault: KernelReadFault) {
    let inPage = UInt64(pageSize - place.pageOffset + layout.descriptorSize - 1) / UInt64(layout.descriptorSize)
    let steps = min(left, max(1, min(inPage, count - id % count)))
    losses.add(unreadable: steps, fault)
    advance(steps)
  }

  private static func head(_ kernel: LinuxKernel, _ keys: LogKeys, count: Int) throws(KernelLogFault) -> [UInt8] {
    let place = try keys.symbol("prb")
    do throws(KernelReadFault) {
      return try kernel.read(VirtualAddress(rawValue: try kernel.integer(place, size: 8)), count: count)
    } catch { throw .unreadable("its ring of records (prb)", error) }
  }

  /// 2 to the power of `bits`.
  private static func power(
    of bits: UInt32, in what: String, limit: UInt64, unit: UInt64
  ) throws(KernelLogFault) -> UInt64 {
    guard bits < 58, 1 << UInt64(bits) <= limit else {
      let claimed = bits < 58 ? (1 << UInt64(bits)) * unit : .max
      throw .tooLarge(what, claimed: claimed, limit: limit * unit)
    }
    return 1 << UInt64(bits)
  }
}

/// Where the parts of a ring stand, bytes.
struct PrintkRingLayout: Sendable {
  /// Of `printk_ringbuffer`.
  let ringSize: Int
  let descriptorRing: Int
  let textRing: Int
  /// Of `prb_desc_ring`.
  let countBits: Int
  let descriptors: Int
  let infos: Int
  let head: Int
  let tail: Int
  /// Of `prb_data_ring`.
  let sizeBits: Int
  let data: Int
  /// Of `prb_desc`.
  let descriptorSize: Int
  let state: Int
  let begin: Int
  let end: Int
  /// Of `printk_info`.
  let infoSize: Int
  let sequence: Int
  let time: Int
  let textLength: Int
  let caller: Int
  /// Of the byte whose upper 3 bits are the level, which VMCOREINFO does not name: the last one between the length of the
  /// text and the caller. Source: kernel/printk/printk_ringbuffer.h, struct printk_info.
  let level: Int?

  init(_ keys: LogKeys) throws(KernelLogFault) {
    let counter = try keys.offset("atomic_long_t.counter")
    ringSize = try keys.size("printk_ringbuffer")
    descriptorRing = try keys.offset("printk_ringbuffer.desc_ring")
    textRing = try keys.offset("printk_ringbuffer.text_data_ring")
    countBits = try keys.offset("prb_desc_ring.count_bits")
    descriptors = try keys.offset("prb_desc_ring.descs")
    infos = try keys.offset("prb_desc_ring.infos")
    head = try keys.offset("prb_desc_ring.head_id") + counter
    tail = try keys.offset("prb_desc_ring.tail_id") + counter
    sizeBits = try keys.offset("prb_data_ring.size_bits")
    data = try keys.offset("prb_data_ring.data")
    descriptorSize = try keys.size("prb_desc")
    state = try keys.offset("prb_desc.state_var") + counter
    let block = try keys.offset("prb_desc.text_blk_lpos")
    begin = block + (try keys.offset("prb_data_blk_lpos.begin"))
    end = block + (try keys.offset("prb_data_blk_lpos.next"))
    infoSize = try keys.size("printk_info")
    sequence = try keys.offset("printk_info.seq")
    time = try keys.offset("printk_info.ts_nsec")
    textLength = try keys.offset("printk_info.text_len")
    caller = try keys.offset("printk_info.caller_id")
    level = caller == textLength + 4 ? textLength + 3 : nil
  }
}
