@testable import StreamCore
import Testing

@Suite struct FrameBitmapTests {
  @Test func ranksRunsAndEndAgreeWithASortedSet() {
    var generator = SystemRandomNumberGenerator()
    var bitmap = FrameBitmap()
    var truth: Set<UInt64> = []
    for _ in 0..<2000 {
      let frame = UInt64.random(in: 0..<200_000, using: &generator) &* (Bool.random() ? 1 : 1 << 20)
      bitmap.insert(frame)
      truth.insert(frame)
    }
    bitmap.insert(100..<300)
    truth.formUnion(100..<300)
    bitmap.remove(150)
    truth.remove(150)
    bitmap.freeze()
    let sorted = truth.sorted()
    #expect(bitmap.count == UInt64(truth.count))
    #expect(bitmap.end == sorted.last.map { $0 + 1 })
    #expect(bitmap.runs.flatMap { Array($0) } == sorted)
    for (index, frame) in sorted.enumerated() {
      #expect(bitmap.rank(frame) == UInt64(index))
      #expect(bitmap.contains(frame))
    }
    #expect(bitmap.rank(1 << 50) == UInt64(truth.count))
    var inside: [UInt64] = []
    bitmap.forEachRun(in: 130..<290) { inside += Array($0) }
    #expect(inside == sorted.filter { (130..<290).contains($0) })
  }

  @Test func aFrameFarAboveTheRestCostsOneChunk() {
    var bitmap = FrameBitmap()
    bitmap.insert(3)
    bitmap.insert(1 << 39)
    bitmap.freeze()
    #expect(bitmap.byteCount < 16_384)
    #expect(bitmap.end == 1 << 39 + 1)
  }

  @Test func theIntersectionIsWhatBothHave() {
    var one = FrameBitmap()
    var other = FrameBitmap()
    one.insert(60..<70)
    one.insert(1 << 30..<1 << 30 + 3)
    one.insert(5 << 20)
    other.insert(64..<200)
    other.insert(1 << 30 + 1)
    other.insert(6 << 20)
    var both = one.intersection(other)
    both.freeze()
    let shared: [Range<UInt64>] = [64..<70, 0x4000_0001..<0x4000_0002]
    #expect(both.runs == shared)
    #expect(both.count == 7)
    #expect(one.intersection(FrameBitmap()).count == 0)
  }
}
