import HostModel
import Testing

@testable import StreamCore

@Suite struct HostileBTFTests {
  /// Good ones, and some that lead in a circle or nowhere.
  private let leads = [
    "inner": ["outer.first", "inner.none"], "outer": ["inner.whole", "outer.self"], "vcpu": ["int"],
  ]

  /// Everything that can be asked of types.
  private func ask(_ types: KernelTypes) {
    for path in [
      "outer.first.high", "inner.high", "outer.grid[1][2]", "outer.self->pointers[1]->low", "vcpu.inner.high",
    ] {
      _ = try? types.path(path)
    }
    for name in ["outer", "u64_alias", "int", "vcpu"] { _ = try? types.size(of: name) }
    _ = try? types.enumerator("HUGE_ONE")
  }

  @Test func `two thousand damaged blobs are answered or refused`() throws {
    let sample = SampleTypes()
    let base = sample.vmlinux.bytes
    let module = sample.module.bytes
    let whole = try BTF(base)
    var random = SplitMix64(seed: 0xb7f)
    var accepted = 0
    for round in 0..<2000 {
      var bytes = round % 4 == 0 ? module : base
      for _ in 0...random.below(3) {
        let place = Int(random.below(UInt64(bytes.count)))
        switch random.below(4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] ^= 1 << UInt8(random.below(8))
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + Int(random.below(8))))
        default:
          bytes.store(UInt32(truncatingIfNeeded: random.next() >> random.below(32)), at: place & ~3 % (bytes.count - 4))
        }
        if bytes.count < 64 { break }
      }
      if round % 4 == 0 {
        guard let split = try? BTF(bytes, base: whole.end) else { continue }
        ask(KernelTypes(TypeTables(vmlinux: whole, modules: [("sample", split)], leads: leads)))
      } else {
        guard let blob = try? BTF(bytes) else { continue }
        ask(KernelTypes(TypeTables(vmlinux: blob, leads: leads)))
      }
      accepted += 1
    }
    #expect(accepted > 200 && accepted < 2000)
  }

  @Test func `random bytes behind a good header are refused`() throws {
    var random = SplitMix64(seed: 5)
    for _ in 0..<300 {
      var bytes = Array(SampleTypes().vmlinux.bytes[..<24])
      let count = 12 * (1 + random.below(20))
      for place in [12, 16] { bytes.store(UInt32(count), at: place) }
      bytes.store(UInt32(1), at: 20)
      for _ in 0..<count { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
      bytes.append(0)
      if let blob = try? BTF(bytes) { ask(KernelTypes(TypeTables(vmlinux: blob, leads: leads))) }
    }
  }

  @Test func `a blob that is cut anywhere is refused`() throws {
    let good = SampleTypes().vmlinux.bytes
    for count in stride(from: 0, to: good.count, by: 7) {
      #expect(throws: BTFFault.self) { try BTF(Array(good[..<count])) }
    }
  }
}
