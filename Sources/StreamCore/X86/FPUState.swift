/// The x87, SSE and AVX registers of a vCPU, as an XSAVE area holds them. Whatever in that area is stale, reserved or
/// the software's is not taken over. Source: SDM vol. 1, 10.5.1 and 13.4 to 13.13; Documentation/kvm.md §6.
struct FPUState: Sendable, Equatable {
  /// The legacy region in the 64-bit form of FXSAVE, which is also the kernel's `user_fpregs_struct`.
  let legacy: [UInt8]
  /// Bits 255:128 of YMM0 to YMM15, 16 bytes each; `nil` where the state has no AVX.
  let upperYMM: [UInt8]?

  static let legacySize = 512
  /// Where the components behind the header begin.
  static let extendedOffset = 576
  /// Of AVX's component, which stands first in both forms of the area.
  static let upperYMMSize = 256
  /// Bytes of an area that are looked at, at most: up to the end of AVX's component.
  static let areaSize = extendedOffset + upperYMMSize
  static let vectorCount = 16
  private static let xmmOffset = 160

  private static let x87: UInt64 = 1 << 0
  private static let sse: UInt64 = 1 << 1
  private static let avx: UInt64 = 1 << 2
  /// XCOMP_BV bit 63: the area is compacted.
  private static let compacted: UInt64 = 1 << 63
  private static let pkru: UInt64 = 1 << 9
  private static let initialFCW: UInt16 = 0x37f
  private static let initialMXCSR: UInt32 = 0x1f80

  /// The components that an area of a guest can have, where nothing says it: those that the guest can use, and what the
  /// host saves besides. Source: arch/x86/kvm/x86.c of 5.10, kvm_save_current_fpu, which saves all that the host has.
  /// - Parameters:
  ///   - supported: XCR0 that the guest can set.
  ///   - form: XCOMP_BV of the area.
  static func features(supported: UInt64, form: UInt64) -> UInt64 {
    supported | x87 | sse | pkru | (form & compacted == 0 ? 0 : form & ~compacted)
  }

  /// - Parameters:
  ///   - area: the first bytes of an XSAVE or FXSAVE area, `areaSize` or all that it has.
  ///   - size: bytes of the whole area.
  ///   - features: components that the area has room for.
  init(area: [UInt8], size: UInt64, features: UInt64) throws(FPUFault) {
    guard size >= UInt64(Self.legacySize), area.count >= min(Self.areaSize, Int(clamping: size)) else {
      throw .size(size)
    }
    // What FXSAVE wrote has no header, and all of it counts.
    var used = Self.x87 | Self.sse
    var form: UInt64 = 0
    if size >= UInt64(Self.extendedOffset) {
      used = area.load(512) ?? 0
      form = area.load(520) ?? 0
      let isCompacted = form & Self.compacted != 0
      let there = isCompacted ? form & ~Self.compacted : features
      guard form == 0 || isCompacted, there & ~features == 0, used & ~there == 0 else {
        throw .header(used: used, form: form, features: features)
      }
    }
    var legacy = [UInt8](repeating: 0, count: Self.legacySize)
    func copy(_ range: Range<Int>) { legacy.replaceSubrange(range, with: area[range]) }
    legacy.store(Self.initialFCW, at: 0)
    if used & Self.x87 != 0 {
      // FCW, FSW, abridged FTW, FOP, FIP, FDP; 10 bytes of each of ST0 to ST7.
      copy(0..<5)
      copy(6..<24)
      for register in 0..<8 { copy(32 + 16 * register..<42 + 16 * register) }
    }
    // In the standard form MXCSR is saved whatever XSTATE_BV says; in the compacted one it is SSE's.
    let isSaved = form & Self.compacted == 0 || used & Self.sse != 0
    let mxcsr: UInt32 = isSaved ? area.load(24) ?? Self.initialMXCSR : Self.initialMXCSR
    guard mxcsr >> 16 == 0 else { throw .mxcsr(mxcsr) }
    legacy.store(mxcsr, at: 24)
    copy(28..<32)
    if used & Self.sse != 0 { copy(Self.xmmOffset..<Self.xmmOffset + 16 * Self.vectorCount) }
    self.legacy = legacy
    let hasAVX = features & Self.avx != 0 && size >= UInt64(Self.areaSize)
    guard hasAVX || used & Self.avx == 0 else { throw .size(size) }
    let initial = [UInt8](repeating: 0, count: Self.upperYMMSize)
    let upper = used & Self.avx != 0 ? Array(area[Self.extendedOffset..<Self.areaSize]) : initial
    upperYMM = hasAVX ? upper : nil
  }

  var fcw: UInt16 { legacy.load(0) ?? 0 }
  var fsw: UInt16 { legacy.load(2) ?? 0 }
  /// Abridged: a bit for each register that is not empty.
  var ftw: UInt8 { legacy[4] }
  var mxcsr: UInt32 { legacy.load(24) ?? 0 }

  /// 10 bytes, little-endian.
  func st(_ index: Int) -> ArraySlice<UInt8> { legacy[32 + 16 * index..<42 + 16 * index] }

  /// 16 bytes, or 32 with AVX; little-endian.
  func vector(_ index: Int) -> [UInt8] {
    let place = Self.xmmOffset + 16 * index
    return Array(legacy[place..<place + 16]) + (upperYMM?[16 * index..<16 * (index + 1)] ?? [])
  }

  /// XCR0 of what is known here: x87, SSE, and AVX where it is there.
  private var components: UInt64 { Self.x87 | Self.sse | (upperYMM == nil ? 0 : Self.avx) }

  /// An XSAVE area in the standard form, as NT_X86_XSTATE has it: XCR0 stands at byte 464. Source:
  /// arch/x86/include/uapi/asm/sigcontext.h, struct _fpx_sw_bytes; gdb, i386-linux-tdep.c.
  var xsave: [UInt8] {
    var area = legacy + [UInt8](repeating: 0, count: Self.extendedOffset - Self.legacySize) + (upperYMM ?? [])
    area.store(components, at: 464)
    area.store(components, at: 512)
    return area
  }
}

/// Why bytes are no XSAVE area.
enum FPUFault: Error, Equatable, Sendable {
  /// Bytes of the area.
  case size(UInt64)
  /// XSTATE_BV and XCOMP_BV, and the components that there can be.
  case header(used: UInt64, form: UInt64, features: UInt64)
  case mxcsr(UInt32)
}

extension FPUFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .size(let bytes): "an area of \(bytes) bytes is no FPU state"
    case .header(let used, let form, let features):
      "XSTATE_BV \(hex(used)) and XCOMP_BV \(hex(form)) do not go with the components \(hex(features))"
    case .mxcsr(let value): "\(hex(value)) is no MXCSR"
    }
  }
}
