/// Bytes in a page of every x86-64 dump that this program reads or writes.
public let pageSize = 4096

/// A kind of address, so that host-physical, guest-physical and virtual ones cannot be mixed up.
public protocol Address: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue == UInt64 {
  init(rawValue: UInt64)
}

extension Address {
  /// The page frame number (pfn): address / 4096.
  public var frame: UInt64 { rawValue >> 12 }
  /// Byte within the page, 0 to 4095.
  public var pageOffset: Int { Int(rawValue & 0xfff) }
  public init(frame: UInt64) { self.init(rawValue: frame << 12) }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  /// Wraps at 2^64, as address arithmetic of the processor does.
  static func &+ (a: Self, b: UInt64) -> Self { Self(rawValue: a.rawValue &+ b) }
  static func &- (a: Self, b: UInt64) -> Self { Self(rawValue: a.rawValue &- b) }
  public var description: String { hex(rawValue) }
}

/// Host-physical address (HPA).
struct HPA: Address {
  let rawValue: UInt64
  init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Guest-physical address (GPA).
public struct GPA: Address {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Linear (virtual) address, of the host or of a guest.
struct VirtualAddress: Address {
  let rawValue: UInt64
  init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Bits 63:47 (or 63:56 with 5 levels) all equal. Source: SDM vol. 1, 3.3.7.1.
  func isCanonical(levels: Int) -> Bool {
    let shift = levels == 5 ? 7 : 16
    return UInt64(bitPattern: Int64(bitPattern: rawValue << shift) >> shift) == rawValue
  }
}
