/// The kernel's LZO1X with runs of zeros, which liblzo2 does not know. Every read and write is checked, and the work is
/// bounded by the 4096 bytes that go in and come out at most.
///
/// Source: Documentation/staging/lzo.rst; lib/lzo/lzo1x_decompress_safe.c, lzodefs.h.
enum LZORLE {
  /// A stream begins with 17 and its version; version 0 has no head and no runs of zeros.
  private static let head = 17
  /// Zeros that a run has at least, and the distance that stands for one.
  private static let shortestRun = 4
  private static let runDistance = 0xfffc
  /// What is added to the distances of the two longer forms of a match.
  private static let secondDistance = 0x800
  private static let thirdDistance = 0x4000
  /// As a state: the instruction before was a long run of literals.
  private static let longRun = 4

  /// The 4096 bytes of a page.
  static func decode(_ stored: RawSpan) throws(DecodeFault) -> [UInt8] {
    var at = 0
    var page: [UInt8] = []
    page.reserveCapacity(pageSize)
    var hasRuns = false
    if stored.byteCount >= 5, stored.load(0, as: UInt8.self).map(Int.init) == head {
      hasRuns = stored.load(1, as: UInt8.self) != 0
      at = 2
    }
    // What the instruction before left: 1 to 3 literals copied, or a long run of them.
    var state = 0
    if let first: UInt8 = stored.load(at), Int(first) > head {
      at += 1
      try literals(Int(first) - head, stored, &at, &page)
      state = min(Int(first) - head, longRun)
    }
    while true {
      let instruction = try next(stored, &at)
      if instruction < 16, state == 0 {
        try literals(try length(instruction, limit: 15, stored, &at) + 3, stored, &at, &page)
        state = longRun
        continue
      }
      let count: Int
      let distance: Int
      var word = instruction
      if instruction >= 64 {
        let more = try next(stored, &at)
        distance = more << 3 + (instruction >> 2 & 7) + 1
        count = instruction >> 5 + 1
      } else if instruction >= 32 {
        count = try length(instruction & 31, limit: 31, stored, &at) + 2
        word = try next16(stored, &at)
        distance = word >> 2 + 1
      } else if instruction >= 16 {
        let start = at
        word = try next16(stored, &at)
        if hasRuns, word & runDistance == runDistance, instruction & 0xf8 == 0x18 {
          let more = try next(stored, &at)
          try zeros((instruction & 7 | more << 3) + shortestRun, &page)
          state = word & 3
          try literals(state, stored, &at, &page)
          continue
        }
        at = start
        count = try length(instruction & 7, limit: 7, stored, &at) + 2
        word = try next16(stored, &at)
        distance = (instruction & 8) << 11 + word >> 2
        if distance == 0 {
          guard count == 3 else { throw .corrupt("EOF_NOT_FOUND") }
          guard at == stored.byteCount else { throw .trailing }
          guard page.count == pageSize else { throw .short(page.count) }
          return page
        }
        try match(count, distance: distance + thirdDistance, &page)
        state = word & 3
        try literals(state, stored, &at, &page)
        continue
      } else {
        let far = state == longRun
        let more = try next(stored, &at)
        distance = instruction >> 2 + more << 2 + 1 + (far ? secondDistance : 0)
        count = far ? 3 : 2
      }
      try match(count, distance: distance, &page)
      state = word & 3
      try literals(state, stored, &at, &page)
    }
  }

  private static func next(_ stored: RawSpan, _ at: inout Int) throws(DecodeFault) -> Int {
    guard let byte = stored.next(&at) else { throw .corrupt("INPUT_OVERRUN") }
    return byte
  }

  private static func next16(_ stored: RawSpan, _ at: inout Int) throws(DecodeFault) -> Int {
    guard let word = stored.next16(&at) else { throw .corrupt("INPUT_OVERRUN") }
    return word
  }

  /// A length of which an instruction says 0 follows it: 255 for each 0, and the byte that ends them.
  private static func length(
    _ given: Int, limit: Int, _ stored: RawSpan, _ at: inout Int
  ) throws(DecodeFault) -> Int {
    guard given == 0 else { return given }
    var length = limit
    while true {
      let byte = try next(stored, &at)
      if byte != 0 { return length + byte }
      length += 255
    }
  }

  private static func literals(
    _ count: Int, _ stored: RawSpan, _ at: inout Int, _ page: inout [UInt8]
  ) throws(DecodeFault) {
    guard count > 0 else { return }
    guard count <= pageSize - page.count else { throw .long }
    guard let bytes = stored.bytes(at, count: count) else { throw .corrupt("INPUT_OVERRUN") }
    page += bytes
    at += count
  }

  private static func zeros(_ count: Int, _ page: inout [UInt8]) throws(DecodeFault) {
    guard count <= pageSize - page.count else { throw .long }
    page += repeatElement(0, count: count)
  }

  /// The bytes that a match copies may be its own.
  private static func match(_ count: Int, distance: Int, _ page: inout [UInt8]) throws(DecodeFault) {
    guard distance <= page.count else { throw .corrupt("LOOKBEHIND_OVERRUN") }
    guard count <= pageSize - page.count else { throw .long }
    for _ in 0..<count { page.append(page[page.count - distance]) }
  }
}
