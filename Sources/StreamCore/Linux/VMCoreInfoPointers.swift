/// Where a running kernel's VMCOREINFO stands, by its own pointers: `vmcoreinfo_data` and `vmcoreinfo_note` are
/// variables of the image that hold the direct map's addresses of its text and of its note, each at a page's start.
/// Source: kernel/vmcore_info.c (kernel/crash_core.c before 6.9).
struct VMCoreInfoPointers {
  let memory: any PhysicalMemory
  let tables: X86PageTables
  /// What the direct map adds to a physical address.
  let directMap: VirtualAddress

  /// Pages of the image that are looked through, and pages that are looked at, at most.
  private static let imageLimit = 1 << 14
  private static let pageLimit = 1 << 13
  /// Page tables that may map a kernel's image.
  private static let tableLimit = 1024

  /// Frames that pointers of the image lead to and that begin as VMCOREINFO does, in no order.
  func frames() -> [UInt64] {
    var runs: [(physical: UInt64, byteCount: UInt64)] = []
    let base = VirtualAddress.kernelTextBase
    // Variables can be written, code and constants cannot.
    _ = tables.forEachMapping(
      in: base...base + (1 << 30 - 1), tableLimit: Self.tableLimit, flags: X86PageTables.writable
    ) { mapping in
      if case .run(_, let physical, let count) = mapping { runs.append((physical, count)) }
    }
    var found: [UInt64] = []
    var seen: Set<UInt64> = []
    var left = Self.imageLimit
    // They stand near the start of .bss, which is the last part of the image and follows init memory, unmapped by now.
    for run in runs.reversed() {
      for index in 0..<run.byteCount >> 12 {
        left -= 1
        guard left > 0, seen.count < Self.pageLimit else { return found }
        guard let page = memory.page(run.physical >> 12 &+ index).page, !page.isZero else { continue }
        for frame in pointers(in: page) where seen.insert(frame).inserted {
          if let page = memory.page(frame).page, VMCoreInfo.canBegin(with: page.u64(0), page.u64(8)) {
            found.append(frame)
          }
        }
        // Both stand side by side.
        if !found.isEmpty { return found }
      }
    }
    return found
  }

  /// Frames whose starts quadwords of a page name through the direct map.
  private func pointers(in page: Page) -> [UInt64] {
    var frames: [UInt64] = []
    page.bytes.withBytes { bytes in
      for at in stride(from: 0, to: pageSize, by: 8) {
        guard let value: UInt64 = bytes.load(at), value & 0xfff == 0, value >= directMap.rawValue,
          value - directMap.rawValue < 1 << 46
        else { continue }
        frames.append((value - directMap.rawValue) >> 12)
      }
    }
    return frames
  }
}
