/// The first byte of a zlib stream's page, from the code lengths of its first block, without tables for its codes: a
/// fraction of what the library takes for a head. Source: RFC 1950, RFC 1951 §3.2; Documentation/codecs.md §2.
@safe final class ZlibFirstByte {
  private static let longestCode = 15
  /// Order in which the lengths of the code-length code stand.
  private static let order: [UInt8] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

  /// The lengths of up to 286 + 30 codes, with room for the longest run behind the last.
  private let codes = UnsafeMutablePointer<UInt8>.allocate(capacity: ZlibFirstByte.codesRoom)
  private static let codesRoom = 512
  /// How many literal and length codes have each length, 0 to 15: two places each, to be added up.
  private let counts = UnsafeMutablePointer<UInt16>.allocate(capacity: 32)
  /// The code-length code: for each seven bits, the symbol above the three bits of its code's length; 0: no code.
  private let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 128)

  deinit {
    unsafe codes.deallocate()
    unsafe counts.deallocate()
    unsafe table.deallocate()
  }

  /// The byte that the page begins with if the stream decodes; `nil` where the library must say.
  func decode(_ stored: RawSpan) -> UInt8? {
    guard let header: UInt16 = stored.load(0), header & 0x8f == 8, header >> 8 & 0x20 == 0,
      header.byteSwapped % 31 == 0
    else { return nil }
    // Safe: the bytes live across the call.
    return unsafe stored.withUnsafeBytes { bytes in
      var bits = unsafe BitsForward(bytes, from: 2)
      // BFINAL, then BTYPE.
      switch bits.take(3) >> 1 {
      case 0: return Self.literalOfStoredBlock(stored)
      case 1: return Self.literalOfFixedCode(bits.peek(9))
      case 2: return literalOfDynamicCode(bits)
      default: return nil
      }
    }
  }

  /// LEN and NLEN begin the byte behind the block's header.
  private static func literalOfStoredBlock(_ stored: RawSpan) -> UInt8? {
    guard let length: UInt16 = stored.load(3), let complement: UInt16 = stored.load(5), length > 0,
      length == ~complement
    else { return nil }
    return stored.load(7)
  }

  /// 00110000 to 10111111: literals 0 to 143; 110010000 to 111111111: 144 to 255.
  private static func literalOfFixedCode(_ bits: Int) -> UInt8? {
    let code = reversed(bits, width: 9)
    switch code >> 1 {
    case 0x30...0xbf: return UInt8(code >> 1 - 0x30)
    case 0xc8...0xff: return UInt8(code - 0x190 + 144)
    default: return nil
    }
  }

  private func literalOfDynamicCode(_ given: BitsForward) -> UInt8? {
    // A copy of its own stays in registers.
    var bits = given
    let literals = bits.take(5) &+ 257
    let all = literals &+ bits.take(5) &+ 1
    guard literals <= 286, all <= literals &+ 30, readLengthCode(&bits, count: bits.take(4) &+ 4) else { return nil }

    // Safe, here and below: `at` stays below `all`, at most 316, and a run goes on for at most 138 of the 512 places;
    // lengths are 0 to 15, and the table is asked by seven bits.
    unsafe codes.update(repeating: 0, count: Self.codesRoom)
    unsafe counts.update(repeating: 0, count: 32)
    var at = 0
    while at < all {
      bits.refill()
      let entry = unsafe Int(table[bits.peek(7)])
      bits.drop(entry & 7)
      let symbol = entry &>> 3
      if symbol < 16 {
        guard entry != 0 else { return nil }
        unsafe codes[at] = UInt8(truncatingIfNeeded: symbol)
        // Two counters take turns, for neighbours often have one length.
        if at < literals { unsafe counts[symbol &<< 1 | at & 1] &+= 1 }
        at &+= 1
      } else if symbol == 16 {
        let run = 3 &+ bits.take(2)
        guard at > 0 else { return nil }
        let value = unsafe codes[at &- 1]
        for place in at..<at &+ run { unsafe codes[place] = value }
        unsafe counts[Int(value) &<< 1] &+= UInt16(truncatingIfNeeded: max(0, min(run, literals &- at)))
        at &+= run
      } else {
        at &+= symbol == 17 ? 3 &+ bits.take(3) : 11 &+ bits.take(7)
      }
    }
    guard at == all, bits.isInside else { return nil }
    bits.refill()
    return firstLiteral(bits)
  }

  /// Builds the table of the code-length code.
  @inline(__always)
  private func readLengthCode(_ bits: inout BitsForward, count: Int) -> Bool {
    // Four bits for each symbol's length, and a byte for how many symbols have each length.
    var lengths: UInt128 = 0
    var counts: UInt64 = 0
    for index in 0..<count {
      bits.refill()
      let length = bits.take(3)
      lengths |= UInt128(length) &<< UInt128(Self.order[index] &* 4)
      counts &+= 1 &<< UInt64(length &* 8)
    }
    var next: UInt64 = 0
    var code: UInt64 = 0
    for length in 1...7 {
      next |= code &<< UInt64(length &* 8)
      code = (code &+ counts &>> UInt64(length &* 8) & 0xff) &<< 1
    }
    // All codes together fill the code space, or the library refuses the block.
    guard code == 256 else { return false }
    for symbol in 0..<19 {
      let length = Int(truncatingIfNeeded: lengths &>> UInt128(symbol &* 4) & 7)
      if length == 0 { continue }
      var place = Self.reversed(Int(next &>> UInt64(length &* 8) & 0x7f), width: length)
      next &+= 1 &<< UInt64(length &* 8)
      let entry = UInt8(truncatingIfNeeded: symbol &<< 3 | length)
      while place < 128 {
        // Safe: below 128.
        unsafe table[place] = entry
        place &+= 1 &<< length
      }
    }
    return true
  }

  /// The symbol that the next bits are the code of, where it is a literal.
  @inline(__always)
  private func firstLiteral(_ bits: BitsForward) -> UInt8? {
    let next = Self.reversed(bits.peek(Self.longestCode), width: Self.longestCode)
    var found: (index: Int, length: Int)?
    var first = 0
    for length in 1...Self.longestCode {
      let count = unsafe Int(counts[length &<< 1]) &+ Int(counts[length &<< 1 | 1])
      let index = next &>> (Self.longestCode &- length) &- first
      if found == nil, index < count { found = (index, length) }
      first = (first &+ count) &<< 1
    }
    // As above: the codes fill the code space.
    guard first == 1 << (Self.longestCode + 1), let found, bits.has(found.length) else { return nil }
    var left = found.index
    for symbol in 0..<256 where unsafe Int(codes[symbol]) == found.length {
      if left == 0 { return UInt8(symbol) }
      left &-= 1
    }
    return nil
  }

  /// The lowest `width` bits (1 to 16) in the other order.
  @inline(__always)
  private static func reversed(_ bits: Int, width: Int) -> Int {
    var word = UInt16(truncatingIfNeeded: bits)
    word = (word & 0x5555) &<< 1 | (word &>> 1) & 0x5555
    word = (word & 0x3333) &<< 2 | (word &>> 2) & 0x3333
    word = (word & 0x0f0f) &<< 4 | (word &>> 4) & 0x0f0f
    return Int(word.byteSwapped &>> UInt16(16 &- width))
  }
}
