/// The first byte of a zstd frame's page: the first literal of its first block, for there is nothing before it that a
/// match could copy. Only the literals' Huffman code is read, no sequence. Source: RFC 8878 §3.1.1, §4.2.
@safe final class ZstdFirstByte {
  private static let longestAllowed = 11

  /// The weights of up to 256 symbols, 0 to 11.
  private let weights = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
  private var symbols = 0
  /// How many symbols have each weight.
  private let counts = UnsafeMutablePointer<Int>.allocate(capacity: 16)
  /// Bits of the longest code, 1 to 11.
  private var longest = 0
  private let states = WeightStates()

  deinit {
    unsafe weights.deallocate()
    unsafe counts.deallocate()
  }

  /// - Parameter block: the contents of a compressed block.
  /// - Returns: the byte that the page begins with if the frame decodes; `nil` where the library must say.
  func decode(_ block: RawSpan) -> UInt8? {
    guard let first: UInt8 = block.load(0) else { return nil }
    let format = Int(first >> 2 & 3)
    switch first & 3 {
    case 0, 1:
      // Raw, or one byte repeated. The regenerated size takes 5 bits, 12 or 20.
      let header = format == 1 ? 2 : format == 3 ? 3 : 1
      guard let low: UInt16 = block.load(0) else { return nil }
      let isEmpty = header == 1 ? first >> 3 == 0 : header == 2 && low >> 4 == 0
      return isEmpty ? nil : block.load(header)
    case 2:
      // Safe: the bytes live across the call.
      return unsafe block.withUnsafeBytes { unsafe compressedLiterals($0, format) }
    default: return nil
    }
  }

  private func compressedLiterals(_ block: UnsafeRawBufferPointer, _ format: Int) -> UInt8? {
    // One stream, or four, with sizes of 10 bits, 14 or 18.
    let width = format < 2 ? 10 : format == 2 ? 14 : 18
    let header = format < 2 ? 3 : format + 2
    guard block.count > 8 else { return nil }
    // Safe: eight bytes are there by the guard.
    let word = unsafe Int(truncatingIfNeeded: UInt64(littleEndian: block.loadUnaligned(as: UInt64.self)))
    let regenerated = word &>> 4 & (1 &<< width &- 1)
    let compressed = word &>> (4 &+ width) & (1 &<< width &- 1)
    guard regenerated > 0, compressed <= block.count - header else { return nil }
    var stream = unsafe UnsafeRawBufferPointer(rebasing: block[header..<header + compressed])
    guard let size = unsafe readWeights(stream) else { return nil }
    unsafe stream = UnsafeRawBufferPointer(rebasing: stream[size...])
    if format != 0 {
      // The first of four streams holds the first literals; the sizes of three stand before them.
      guard stream.count > 6 else { return nil }
      let length = unsafe Int(stream[0]) | Int(stream[1]) << 8
      guard length <= stream.count - 6 else { return nil }
      unsafe stream = UnsafeRawBufferPointer(rebasing: stream[6..<6 + length])
    }
    guard var bits = unsafe BitsBackward(stream) else { return nil }
    return symbol(of: bits.take(longest))
  }

  /// The Huffman code by its weights. Source: RFC 8878 §4.2.1.
  /// - Returns: the bytes that its description takes, `nil` when it cannot be right.
  private func readWeights(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let header = unsafe bytes.first.map(Int.init) else { return nil }
    symbols = 0
    // Safe: 16 places.
    unsafe counts.update(repeating: 0, count: 16)
    if header < 128 {
      guard header < bytes.count,
        unsafe readPacked(UnsafeRawBufferPointer(rebasing: bytes[1..<1 + header]))
      else { return nil }
      return complete() ? 1 + header : nil
    }
    // Four bits each.
    let given = header - 127
    let size = 1 + (given + 1) / 2
    guard size <= bytes.count else { return nil }
    for index in 0..<given {
      let pair = unsafe bytes[1 + index / 2]
      guard add(Int(index & 1 == 0 ? pair >> 4 : pair & 15)) else { return nil }
    }
    return complete() ? size : nil
  }

  @inline(__always)
  private func add(_ weight: Int) -> Bool {
    guard weight <= Self.longestAllowed, symbols < 255 else { return false }
    // Safe: in bounds by the guard.
    unsafe weights[symbols] = UInt8(truncatingIfNeeded: weight)
    unsafe counts[weight] &+= 1
    symbols &+= 1
    return true
  }

  /// The last weight is not given: it is what is missing to a power of two.
  private func complete() -> Bool {
    var sum = 0
    for weight in 1...Self.longestAllowed { sum &+= unsafe counts[weight] &<< (weight &- 1) }
    guard sum > 0 else { return false }
    longest = Int.bitWidth - sum.leadingZeroBitCount
    let rest = 1 << longest - sum
    guard longest <= Self.longestAllowed, rest & (rest - 1) == 0 else { return false }
    let last = rest.trailingZeroBitCount + 1
    // Safe: at most 255 weights were given, and `last` is at most 11.
    unsafe weights[symbols] = UInt8(last)
    unsafe counts[last] += 1
    symbols += 1
    return true
  }

  /// Codes are given out from the lowest weight up, among one weight by symbol.
  private func symbol(of code: Int) -> UInt8? {
    var start = 0
    for weight in 1...Self.longestAllowed {
      let count = unsafe counts[weight]
      var left = (code - start) >> (weight - 1)
      if left < count {
        // Safe: below 256.
        for symbol in 0..<symbols where unsafe Int(weights[symbol]) == weight {
          if left == 0 { return UInt8(symbol) }
          left -= 1
        }
        return nil
      }
      start += count << (weight - 1)
    }
    return nil
  }

  /// Weights packed by two FSE states that take turns. Source: RFC 8878 §4.2.1.2.
  private func readPacked(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let (accuracy, size) = unsafe states.read(bytes),
      var bits = unsafe BitsBackward(UnsafeRawBufferPointer(rebasing: bytes[size...]))
    else { return false }
    var one = bits.take(accuracy)
    var two = bits.take(accuracy)
    while true {
      let state = states[one]
      guard add(state.weight) else { return false }
      one = state.base &+ bits.take(state.bits)
      if bits.isOverrun { return add(states[two].weight) }
      swap(&one, &two)
    }
  }
}

/// The FSE table of Huffman weights, at most 64 states. Source: RFC 8878 §4.1.1.
@safe private final class WeightStates {
  /// Weight, bits and base of each state, a byte each.
  private let entries = UnsafeMutablePointer<UInt32>.allocate(capacity: 64)

  deinit { unsafe entries.deallocate() }

  @inline(__always)
  subscript(state: Int) -> (weight: Int, bits: Int, base: Int) {
    // Safe: 64 places.
    let entry = unsafe Int(entries[state & 63])
    return (entry & 0xff, entry &>> 8 & 0xff, entry &>> 16)
  }

  /// - Returns: the accuracy in bits (5 or 6), and the bytes that the description takes.
  func read(_ bytes: UnsafeRawBufferPointer) -> (accuracy: Int, size: Int)? {
    var input = unsafe BitsForward(bytes, from: 0)
    let accuracy = input.take(4) + 5
    guard accuracy <= 6 else { return nil }
    var used = 4
    var counts = InlineArray<16, Int>(repeating: 0)
    var weight = 0
    var left = 1 << accuracy
    while left > 0 {
      guard weight < 16 else { return nil }
      input.refill()
      // Values 0 to left + 1; small ones take a bit less.
      var taken = Int.bitWidth - (left + 1).leadingZeroBitCount
      let short = 1 << taken - 1 - (left + 1)
      let half = 1 << (taken - 1)
      var value = input.peek(taken)
      if value & (half - 1) < short {
        value &= half - 1
        taken -= 1
      } else if value >= half {
        value -= short
      }
      input.drop(taken)
      used += taken
      // 0 stands for "less than one", which takes one state.
      counts[weight] = value - 1
      left -= value == 0 ? 1 : value - 1
      weight += 1
      var more = value == 1 ? 3 : 0
      while more == 3 {
        input.refill()
        more = input.take(2)
        used += 2
        weight += more
        guard weight <= 16 else { return nil }
      }
    }
    let size = (used + 7) / 8
    guard left == 0, size <= bytes.count else { return nil }
    spread(counts, weights: min(weight, 16), accuracy)
    return (accuracy, size)
  }

  private func spread(_ counts: InlineArray<16, Int>, weights count: Int, _ accuracy: Int) {
    let states = 1 << accuracy
    var high = states
    var next = InlineArray<16, Int>(repeating: 0)
    for weight in 0..<count {
      next[weight] = max(1, counts[weight])
      if counts[weight] == -1 {
        high -= 1
        // Safe, here and below: 64 places.
        unsafe entries[high & 63] = UInt32(weight)
      }
    }
    let step = states >> 1 + states >> 3 + 3
    var place = 0
    for weight in 0..<count where counts[weight] > 0 {
      for _ in 0..<counts[weight] {
        unsafe entries[place & 63] = UInt32(weight)
        repeat { place = (place &+ step) & (states &- 1) } while place >= high
      }
    }
    for state in 0..<states {
      let weight = unsafe Int(entries[state] & 15)
      let number = next[weight]
      next[weight] &+= 1
      let width = accuracy &- (Int.bitWidth &- 1 &- number.leadingZeroBitCount)
      let base = number &<< width &- states
      unsafe entries[state] = UInt32(truncatingIfNeeded: base &<< 16 | width &<< 8 | weight)
    }
  }
}
