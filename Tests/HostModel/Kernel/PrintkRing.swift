/// A kernel's log as printk fills it since 5.10: descriptors and texts are reserved, committed, and given up for new ones
/// when the ring is full. Source: kernel/printk/printk_ringbuffer.c, prb_reserve, data_alloc and desc_reserve.
public struct PrintkRing: Sendable {
  public enum State: UInt64, Sendable { case reserved, committed, finalized, reusable }

  /// How kernels differ.
  public struct Shape: Sendable {
    /// Bytes of `printk_info`: 88 with the 64 bytes of `dev_printk_info` at 24, 112 since 7.0.
    public var infoSize = 88
    /// A text may end with the ring, since 6.18.
    public var endsWithRing = false
    public init() {}
  }

  struct Descriptor: Sendable { var state, begin, next: UInt64 }
  struct Info: Sendable {
    var sequence, time: UInt64
    var length, level: Int
    var caller: UInt32
  }

  public let shape: Shape
  public let countBits: UInt64
  public let sizeBits: UInt64
  private(set) var descriptors: [Descriptor]
  private(set) var infos: [Info]
  private(set) var texts: [UInt8]
  private(set) var headID: UInt64
  private(set) var tailID: UInt64
  private(set) var headPosition: UInt64
  private(set) var tailPosition: UInt64
  private var sequence: UInt64 = 0

  private static let idMask = UInt64.max >> 2
  private var count: UInt64 { 1 << countBits }
  private var size: UInt64 { 1 << sizeBits }

  public init(countBits: UInt64, sizeBits: UInt64, shape: Shape = Shape()) {
    self.shape = shape
    self.countBits = countBits
    self.sizeBits = sizeBits
    let count = UInt64(1) << countBits
    // DESC0_ID and BLK0_LPOS: the numbers run over soon after boot, so that it is noticed when that goes wrong.
    let first = (0 &- (count + 1)) & PrintkRing.idMask
    descriptors = Array(repeating: Descriptor(state: 0, begin: 0, next: 0), count: Int(count))
    descriptors[Int(count) - 1] = Descriptor(state: State.reusable.rawValue << 62 | first, begin: 1, next: 1)
    infos = Array(repeating: Info(sequence: 0, time: 0, length: 0, level: 0, caller: 0), count: Int(count))
    texts = Array(repeating: 0, count: 1 << sizeBits)
    (headID, tailID) = (first, first)
    (headPosition, tailPosition) = (0 &- (1 << sizeBits), 0 &- (1 << sizeBits))
  }

  /// Writes one record; the oldest make room.
  public mutating func write(
    _ text: [UInt8], at time: UInt64, level: Int = 6, caller: UInt32 = 1, state: State = .finalized
  ) {
    let id = (headID &+ 1) & PrintkRing.idMask
    if (id &- count) & PrintkRing.idMask == tailID { giveUpOldest() }
    headID = id
    var (begin, next): (UInt64, UInt64) = (3, 3)
    if !text.isEmpty {
      let bytes = (8 + UInt64(text.count) + 7) & ~7
      begin = headPosition
      next = begin &+ bytes
      let isWrapped = begin / size != (shape.endsWithRing ? next &- 1 : next) / size
      if isWrapped { next = next / size * size &+ bytes }
      while next &- tailPosition > size { giveUpOldest() }
      headPosition = next
      let start = isWrapped ? 0 : Int(begin % size)
      texts.replaceSubrange(start..<start + 8, with: LittleEndian.bytes(id))
      texts.replaceSubrange(start + 8..<start + 8 + text.count, with: text)
    }
    let place = Int(id % count)
    descriptors[place] = Descriptor(state: state.rawValue << 62 | id, begin: begin, next: next)
    infos[place] = Info(sequence: sequence, time: time, length: text.count, level: level, caller: caller)
    sequence += 1
  }

  public mutating func write(_ text: String, at time: UInt64) { write(Array(text.utf8), at: time) }

  private mutating func giveUpOldest() {
    let place = Int(tailID % count)
    descriptors[place].state = State.reusable.rawValue << 62 | tailID
    if descriptors[place].begin & 1 == 0 { tailPosition = descriptors[place].next }
    tailID = (tailID &+ 1) & PrintkRing.idMask
  }
}

extension PrintkRing {
  /// Bytes of each part.
  public enum Size {
    public static let ring: UInt64 = 88
    public static let descriptor: UInt64 = 24
  }
  public var infoBytes: UInt64 { count * UInt64(shape.infoSize) }
  public var descriptorBytes: UInt64 { count * Size.descriptor }
  public var textBytes: UInt64 { size }

  /// `struct printk_ringbuffer`, its parts at these virtual addresses.
  public func ringImage(descriptors: UInt64, infos: UInt64, texts: UInt64) -> [UInt8] {
    LittleEndian.bytes([
      countBits, descriptors, infos, headID, tailID, 0, sizeBits, texts, headPosition, tailPosition, 0,
    ])
  }

  public var descriptorImage: [UInt8] {
    LittleEndian.bytes(descriptors.flatMap { [$0.state, $0.begin, $0.next] })
  }

  public var infoImage: [UInt8] {
    infos.flatMap { info -> [UInt8] in
      var bytes = LittleEndian.bytes([info.sequence, info.time])
      bytes += LittleEndian.bytes(UInt16(info.length))
      bytes += [0, UInt8(info.level << 5 | 6)]
      bytes += LittleEndian.bytes(info.caller)
      return bytes + [UInt8](repeating: 0, count: shape.infoSize - bytes.count)
    }
  }

  public var textImage: [UInt8] { texts }

  /// The keys that VMCOREINFO has of it.
  /// - Parameter symbol: the virtual address of the variable `prb`.
  public func keys(symbol: UInt64) -> String {
    """
    SYMBOL(prb)=\(String(symbol, radix: 16))
    SIZE(printk_ringbuffer)=88
    OFFSET(printk_ringbuffer.desc_ring)=0
    OFFSET(printk_ringbuffer.text_data_ring)=48
    OFFSET(printk_ringbuffer.fail)=80
    SIZE(prb_desc_ring)=48
    OFFSET(prb_desc_ring.count_bits)=0
    OFFSET(prb_desc_ring.descs)=8
    OFFSET(prb_desc_ring.infos)=16
    OFFSET(prb_desc_ring.head_id)=24
    OFFSET(prb_desc_ring.tail_id)=32
    SIZE(prb_desc)=24
    OFFSET(prb_desc.state_var)=0
    OFFSET(prb_desc.text_blk_lpos)=8
    SIZE(prb_data_blk_lpos)=16
    OFFSET(prb_data_blk_lpos.begin)=0
    OFFSET(prb_data_blk_lpos.next)=8
    SIZE(printk_info)=\(shape.infoSize)
    OFFSET(printk_info.seq)=0
    OFFSET(printk_info.ts_nsec)=8
    OFFSET(printk_info.text_len)=16
    OFFSET(printk_info.caller_id)=20
    OFFSET(printk_info.dev_info)=\(shape.infoSize == 88 ? 24 : 44)
    SIZE(prb_data_ring)=32
    OFFSET(prb_data_ring.size_bits)=0
    OFFSET(prb_data_ring.data)=8
    OFFSET(prb_data_ring.head_lpos)=16
    OFFSET(prb_data_ring.tail_lpos)=24
    SIZE(atomic_long_t)=8
    OFFSET(atomic_long_t.counter)=0

    """
  }
}
