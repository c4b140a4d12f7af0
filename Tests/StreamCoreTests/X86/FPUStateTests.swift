import HostModel
@testable import StreamCore
import Testing

@Suite struct FPUStateTests {
  /// An area in which every byte says where it stands, but for MXCSR and the header.
  private static func area(used: UInt64, form: UInt64 = 0, mxcsr: UInt32 = 0x1fa0) -> [UInt8] {
    var area = (0..<832).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
    area.store(mxcsr, at: 24)
    area.store(used, at: 512)
    area.store(form, at: 520)
    return area
  }

  private static func state(
    _ area: [UInt8], size: UInt64 = 832, features: UInt64 = 7
  ) throws(FPUFault) -> FPUState {
    try FPUState(area: area, size: size, features: features)
  }

  /// Source: SDM vol. 1, 13.6: what XRSTOR gives a component whose bit is clear.
  @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7] as [UInt64])
  func `a component that is not in use has its initial value, whatever its bytes`(used: UInt64) throws {
    let area = Self.area(used: used)
    let state = try Self.state(area)
    #expect(state.fcw == (used & 1 == 0 ? 0x37f : area.load(0)))
    #expect(state.fsw == (used & 1 == 0 ? 0 : area.load(2)))
    #expect(state.ftw == (used & 1 == 0 ? 0 : area[4]))
    // In this form it is saved whatever the bits say.
    #expect(state.mxcsr == 0x1fa0)
    for index in 0..<8 {
      let own = Array(area[32 + 16 * index..<42 + 16 * index])
      #expect(Array(state.st(index)) == (used & 1 == 0 ? [UInt8](repeating: 0, count: 10) : own))
    }
    let zeros = [UInt8](repeating: 0, count: 16)
    for index in 0..<16 {
      let low = used & 2 == 0 ? zeros : Array(area[160 + 16 * index..<176 + 16 * index])
      let high = used & 4 == 0 ? zeros : Array(area[576 + 16 * index..<592 + 16 * index])
      #expect(state.vector(index) == low + high)
    }
  }

  @Test func `bytes that are no register's are left behind`() throws {
    let state = try Self.state(Self.area(used: 7))
    #expect(state.legacy.count == 512 && state.legacy[5] == 0)
    for index in 0..<8 { #expect(state.legacy[42 + 16 * index..<48 + 16 * index].allSatisfy { $0 == 0 }) }
    #expect(state.legacy[416...].allSatisfy { $0 == 0 })
    let note = state.xsave
    #expect(note.count == 832 && note.load(464, as: UInt64.self) == 7 && note.load(512, as: UInt64.self) == 7)
    #expect(note[472..<512].allSatisfy { $0 == 0 } && note[520..<576].allSatisfy { $0 == 0 })
    #expect(note[..<416] == state.legacy[..<416])
  }

  /// Source: SDM vol. 1, 13.8.2 and 13.12: MXCSR is SSE's in the compacted form.
  @Test func `in the compacted form MXCSR goes with SSE, and AVX may be left out`() throws {
    let compacted: UInt64 = 1 << 63
    #expect(try Self.state(Self.area(used: 3, form: compacted | 7)).mxcsr == 0x1fa0)
    let initial = try Self.state(Self.area(used: 5, form: compacted | 7))
    #expect(initial.mxcsr == 0x1f80 && initial.vector(3).prefix(16).allSatisfy { $0 == 0 })
    #expect(initial.vector(3).suffix(16) == Self.area(used: 0)[624..<640])
    #expect(try Self.state(Self.area(used: 3, form: compacted | 3)).upperYMM == [UInt8](repeating: 0, count: 256))
    #expect(throws: FPUFault.header(used: 4, form: compacted | 3, features: 7)) {
      try Self.state(Self.area(used: 4, form: compacted | 3))
    }
  }

  @Test func `a state without AVX has none`() throws {
    let state = try Self.state(Self.area(used: 3), size: 576, features: 3)
    #expect(state.upperYMM == nil && state.vector(0).count == 16 && state.xsave.count == 576)
    #expect(state.xsave.load(464, as: UInt64.self) == 3)
    // FXSAVE's has no header at all.
    let old = try Self.state(Array(Self.area(used: 0).prefix(512)), size: 512, features: 3)
    #expect(old.fcw == Self.area(used: 0).load(0) && old.mxcsr == 0x1fa0)
  }

  @Test func `what is no area is refused by what is wrong with it`() {
    #expect(throws: FPUFault.size(0)) { try Self.state([], size: 0) }
    #expect(throws: FPUFault.size(511)) { try Self.state(Self.area(used: 0), size: 511) }
    #expect(throws: FPUFault.size(.max)) { try Self.state([1, 2, 3], size: .max) }
    #expect(throws: FPUFault.size(600)) { try Self.state(Self.area(used: 4), size: 600) }
    #expect(throws: FPUFault.header(used: 8, form: 0, features: 7)) { try Self.state(Self.area(used: 8)) }
    #expect(throws: FPUFault.header(used: 0, form: 7, features: 7)) { try Self.state(Self.area(used: 0, form: 7)) }
    #expect(throws: FPUFault.header(used: 0, form: 1 << 63 | 8, features: 7)) {
      try Self.state(Self.area(used: 0, form: 1 << 63 | 8))
    }
    #expect(throws: FPUFault.mxcsr(0x1_0000)) { try Self.state(Self.area(used: 2, mxcsr: 0x1_0000)) }
  }

  @Test func `any bytes end as a state or as a fault`() {
    var random = SplitMix64(seed: 7)
    var states = 0
    for _ in 0..<20_000 {
      var area = Self.area(used: random.next() & random.next(), form: random.below(4) == 0 ? random.next() : 0)
      if random.below(2) == 0 { area.store(random.below(8), at: 512) }
      let size = random.below(4) == 0 ? random.next() : random.below(1000)
      area = Array(area.prefix(Int(random.below(2) == 0 ? 832 : random.below(833))))
      guard let state = try? Self.state(area, size: size, features: random.next() | 3) else { continue }
      states += 1
      #expect(state.legacy.count == 512 && state.xsave.count >= 576)
    }
    #expect(states > 1000)
  }
}
