/// A stretch of a kernel's image, as its page tables map it.
struct KernelImagePart: Sendable, Equatable {
  var virtual: VirtualAddress
  /// In the memory that the kernel runs in.
  var physical: UInt64
  var bytes: UInt64

  /// Page tables that may map a kernel's image: one for each 2 MiB of it, and those above.
  private static let tableLimit = 1024

  /// The 2 MiB pieces from `_stext` on whose first and last page the page tables map where VMCOREINFO says, joined.
  /// - Parameter stext: `_stext`, by the VMCOREINFO.
  static func parts(_ info: VMCoreInfo, _ stext: VirtualAddress, _ tables: X86PageTables) -> [KernelImagePart] {
    let piece: UInt64 = 2 << 20
    let size = UInt64(clamping: info.number("KERNEL_IMAGE_SIZE") ?? 512 << 20)
    let start = stext.rawValue & ~(piece - 1)
    let end = min(VirtualAddress.kernelTextBase &+ size, VirtualAddress.kernelTextBase + (1 << 30)) & ~(piece - 1)
    guard start < end, let base = info.imagePhysical(VirtualAddress(rawValue: start)) else { return [] }
    var firsts: Set<UInt64> = []
    var lasts: Set<UInt64> = []
    _ = tables.forEachMapping(in: start...end - 1, tableLimit: tableLimit) { mapping in
      guard case .run(let virtual, let physical, let count) = mapping,
        physical == base &+ (virtual.rawValue - start)
      else { return }
      let offset = virtual.rawValue - start
      for index in offset / piece...(offset + count - 1) / piece {
        let last = (index + 1) * piece - UInt64(pageSize)
        if index * piece >= offset { firsts.insert(index) }
        if last >= offset && last < offset + count { lasts.insert(index) }
      }
    }
    var parts: [KernelImagePart] = []
    for index in firsts.intersection(lasts).sorted() {
      let virtual = VirtualAddress(rawValue: start + index * piece)
      let physical = base &+ index * piece
      if let last = parts.last, last.virtual &+ last.bytes == virtual, last.physical &+ last.bytes == physical {
        parts[parts.count - 1].bytes += piece
      } else {
        parts.append(.init(virtual: virtual, physical: physical, bytes: piece))
      }
    }
    return parts
  }
}
