/// What a kernel says of memory in general.
extension DescribedKernel {
  /// Names of symbols that are asked for here.
  static let memorySymbols: Set<String> = [
    "zero_pfn", "huge_zero_pfn", "memory_failure", "migrate_pages", "make_device_exclusive",
    "make_device_exclusive_range", "migrate_vma_setup", "migrate_vma",
  ]
  /// Pages of the huge zero page. Source: mm/huge_memory.c, huge_zero_pfn.
  private static let hugePages: UInt64 = 512

  /// Frames of the kernel's zero pages, which stand for memory that was read and never written.
  var zeroFrames: FrameBitmap {
    var frames = FrameBitmap()
    if let zeroFrame { frames.insert(zeroFrame) }
    // All ones, or 0 in old kernels: there is none.
    if let frame = word("huge_zero_pfn"), frame > 0, frame % Self.hugePages == 0 {
      frames.insert(frame..<frame + Self.hugePages)
    }
    frames.freeze()
    return frames
  }

  /// That of the small one.
  var zeroFrame: UInt64? { word("zero_pfn").flatMap { $0 > 0 ? $0 : nil } }

  private func word(_ symbol: String) -> UInt64? {
    guard let place = try? self.symbol(symbol), let value = kernel.u64(place.rawValue), value < 1 << 40 else {
      return nil
    }
    return value
  }

  var swapTypes: SwapTypes {
    let levels = kernel.levels
    return SwapTypes(SwappedPages(self)) { SwapLayout(build, levels: levels) }
  }

  /// How the kernel was built, by functions that only such a build has.
  private var build: SwapLayout.Build? {
    // 5.19 brought both the third type of migration entries and markers, and this member.
    let isNew = types.has("zap_details.zap_flags")
    var build = SwapLayout.Build()
    build.hasMemoryFailure = has("memory_failure")
    build.migrationTypes = has("migrate_pages") ? isNew ? 3 : 2 : 0
    // Pages that a device has alone: since 5.14, by two types for each access up to 6.14.
    build.deviceTypes =
      has("make_device_exclusive_range")
      ? 4 : has("make_device_exclusive") ? 3 : has("migrate_vma_setup") || has("migrate_vma") ? 2 : 0
    build.hasMarkers = isNew
    return build
  }

  private func has(_ symbol: String) -> Bool { !(symbols.values(of: [symbol])[symbol] ?? []).isEmpty }
}
