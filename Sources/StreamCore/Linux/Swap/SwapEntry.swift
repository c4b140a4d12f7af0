/// Where in its swap areas a kernel has put a page.
struct SwapEntry: Sendable, Hashable {
  /// Of the area, below 32.
  let type: Int
  /// The page of the area, below 2^34.
  let offset: UInt64

  /// Source: include/linux/swap.h, MAX_SWAPFILES_SHIFT.
  private static let typeBits: UInt64 = 5
  /// 64 TiB of swap in one area.
  private static let offsetBits: UInt64 = 34

  /// `nil` where no area has such a page.
  init?(type: Int, offset: UInt64) {
    guard type >= 0, type < SwapLayout.fewestAreas, offset < 1 << Self.offsetBits else { return nil }
    self.type = type
    self.offset = offset
  }

  /// By `swp_entry_t` as the kernel keeps it outside of page tables.
  init?(_ value: UInt64, _ form: Form) {
    self.init(
      type: Int(value >> form.typeShift & (1 << Self.typeBits - 1)), offset: value & (1 << form.typeShift - 1))
    guard value >> form.typeShift < 1 << Self.typeBits else { return nil }
  }

  /// As `swp_entry_t` holds it.
  func value(_ form: Form) -> UInt64 { UInt64(type) << form.typeShift | offset }

  /// Where the type stands in a `swp_entry_t`. Source: include/linux/swapops.h, SWP_TYPE_SHIFT.
  enum Form: Sendable {
    /// Kernels with xarrays: an entry is one as a value, of 63 bits.
    case xarray
    /// Up to 4.19: two bits of an entry are the radix tree's.
    case radixTree

    fileprivate var typeShift: UInt64 { self == .xarray ? 58 : 57 }
  }

  /// In place of a host frame, for a page that no frame holds as it is: above all that an entry of a page table can
  /// name.
  static let firstFrame: UInt64 = 1 << 40

  var frame: UInt64 { Self.firstFrame | UInt64(type) << Self.offsetBits | offset }

  /// `nil` for a frame of the host's memory.
  init?(frame: UInt64) {
    guard frame >= Self.firstFrame, frame - Self.firstFrame < 1 << (Self.offsetBits + Self.typeBits) else { return nil }
    self.init(
      type: Int((frame - Self.firstFrame) >> Self.offsetBits), offset: frame & (1 << Self.offsetBits - 1))
  }
}
