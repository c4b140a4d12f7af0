import Synchronization

/// What the types of swap entries mean in a kernel. Those that are no swap areas are met rarely, so how the kernel was
/// built is asked for then only. Safe to use from any thread.
final class SwapTypes: Sendable {
  private let known = Mutex<SwapLayout?>(nil)
  private let find: @Sendable () -> SwapLayout
  /// Pages that are in memory all the same; `nil`: not known.
  let swapped: SwappedPages?

  /// - Parameter find: called once.
  init(_ swapped: SwappedPages? = nil, _ find: @escaping @Sendable () -> SwapLayout) {
    self.swapped = swapped
    self.find = find
  }

  /// What a page has whose entry is of this type; `nil`: what a page has without an entry.
  func content(type: Int, offset: UInt64) -> ProcessPages.Run.Content? {
    if type < SwapLayout.fewestAreas {
      guard let swapped, let entry = SwapEntry(type: type, offset: offset) else { return .absent(.swapped) }
      return swapped.content(of: entry)
    }
    let layout = known.withLock { known in
      if let known { return known }
      let found = find()
      known = found
      return found
    }
    return layout.content(type: type, offset: offset)
  }
}

/// Which types of swap entries stand for what: the lowest are swap areas, the highest other things, and which those are
/// depends on how the kernel was built.
///
/// Source: include/linux/swap.h, MAX_SWAPFILES and what follows it; include/linux/swapops.h.
struct SwapLayout: Sendable, Equatable {
  /// All types. Source: MAX_SWAPFILES_SHIFT.
  private static let all = 32
  /// Swap areas that every kernel has.
  static let fewestAreas = 20

  /// Of a marker's offset: the page is lost. Source: include/linux/swapops.h, PTE_MARKER_POISONED, since 6.1.
  private static let poisoned: UInt64 = 2

  private var hwpoison: Int?
  private var migration: Range<Int>
  private var device: Range<Int>
  private var marker: Int?
  /// Bits of a frame number in an offset; above are marks.
  private let frameBits: UInt64

  /// How a kernel was built.
  struct Build: Sendable, Equatable {
    /// CONFIG_MEMORY_FAILURE.
    var hasMemoryFailure = true
    /// Types of migration entries: 3 since 5.19, 2 before, 0 without CONFIG_MIGRATION.
    var migrationTypes = 3
    /// Types of pages in device memory: 0 without CONFIG_DEVICE_PRIVATE.
    var deviceTypes = 4
    /// CONFIG_PTE_MARKER, since 5.19.
    var hasMarkers = true
  }

  /// - Parameters:
  ///   - build: `nil`: not known; then all that is no frame is taken for swapped.
  ///   - levels: of the kernel's page tables: with 5 a frame number has 40 bits, else 34 (MAX_PHYSMEM_BITS).
  init(_ build: Build?, levels: Int) {
    frameBits = levels == 5 ? 40 : 34
    guard let build else {
      migration = 0..<0
      device = 0..<0
      return
    }
    let special =
      (build.hasMemoryFailure ? 1 : 0) + build.migrationTypes + build.deviceTypes + (build.hasMarkers ? 1 : 0)
    var next = Self.all - special
    if build.hasMemoryFailure {
      hwpoison = next
      next += 1
    }
    migration = next..<next + build.migrationTypes
    device = migration.upperBound..<migration.upperBound + build.deviceTypes
    if build.hasMarkers { marker = device.upperBound }
  }

  func content(type: Int, offset: UInt64) -> ProcessPages.Run.Content? {
    if migration.contains(type) { return .frames(offset & (1 << frameBits - 1)) }
    if device.contains(type) { return .absent(.device_private) }
    if type == hwpoison { return .absent(.hwpoison) }
    // Others say what an access shall do: that the page is write-protected if there is one, or that it is guarded.
    if type == marker { return offset & Self.poisoned != 0 ? .absent(.hwpoison) : nil }
    return .absent(.swapped)
  }
}
