/// The table of all `struct page`, one a frame. Source: include/asm-generic/memory_model.h, CONFIG_SPARSEMEM_VMEMMAP.
struct PageStructs: Sendable {
  /// That of frame 0.
  private let base: UInt64
  /// Of one, bytes.
  private let size: UInt64

  /// Where the table begins without KASLR of memory. Source: mm.rst.
  private static let usualBase: UInt64 = 0xffff_ea00_0000_0000
  /// Names of symbols that are asked for here.
  static let symbols: Set<String> = ["vmemmap_base"]

  init?(_ kernel: DescribedKernel) {
    guard let size = try? kernel.types.size(of: "page"), size >= 32, size <= 4096 else { return nil }
    self.size = UInt64(size)
    let base = (try? kernel.symbol("vmemmap_base")).flatMap { kernel.kernel.u64($0.rawValue) }
    self.base = base ?? Self.usualBase
  }

  /// The frame whose `struct page` stands there; `nil`: none does.
  func frame(of page: VirtualAddress) -> UInt64? {
    guard page.rawValue >= base, (page.rawValue - base) % size == 0 else { return nil }
    let frame = (page.rawValue - base) / size
    return frame < 1 << 40 ? frame : nil
  }

  /// Where that of a frame stands.
  func page(of frame: UInt64) -> VirtualAddress? {
    let (distance, overflow) = frame.multipliedReportingOverflow(by: size)
    return overflow || distance > 0 &- base ? nil : VirtualAddress(rawValue: base &+ distance)
  }
}
