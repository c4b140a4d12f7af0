import HostModel

/// What the host has swapped out of its guests' memory and keeps in memory all the same.
extension HostBuilder {
  /// Each guest has an area of its own.
  static func swapArea(of guest: Int) -> UInt64 { UInt64(guest % 16) + 2 }

  /// What the VMM's page tables have for such a page.
  func swapEntry(_ gfn: UInt64, of guest: Int) -> UInt64 {
    ProcessEntry.swap(type: Self.swapArea(of: guest), offset: gfn)
  }

  /// Puts the frame of a page into the swap cache, in a large one where the recipe says so.
  mutating func swapToCache(_ gfn: UInt64, of guest: Int) throws(RecipeMistake) {
    guard let frame = backings[guest].frame(gfn) else { return }
    let order = images[guest].spec.folios.first { $0.range.contains(gfn << 12) }?.frames.trailingZeroBitCount ?? 0
    guard gfn % (1 << UInt64(order)) == 0 else { return }
    try tasks?.swapOut(
      type: Self.swapArea(of: guest), offset: gfn, .cached(frame: frame, order: UInt64(order)), kernel: kernel,
      in: &space)
  }

  /// Puts a page into zswap, or begins to read it.
  mutating func swapOut(_ gfn: UInt64, of guest: Int) throws(RecipeMistake) {
    let image = images[guest]
    var page: KernelSwap.Page
    if image.has(gfn, .swapZero) {
      page = .zero
    } else if image.has(gfn, .swapReading) {
      page = .cached(frame: try oldPage(), isUpToDate: false)
    } else {
      let words = image.space.memory.words(gfn)
      let bytes = image.space.memory.page(gfn)
      let shape = KernelShape.of(self.shape)
      if shape.fillsWithWords, words.allSatisfy({ $0 == words[0] }) {
        page = .kept(.word(words[0]))
      } else if let stored = RecipeBytes.compress(bytes, asKernel: spec.zswap.codec) {
        page = .kept(.bytes(stored))
      } else {
        // Kept as it is where the kernel does that; of a codec that no recipe knows anything will do.
        page = .kept(.bytes(shape.swapForm == .clusters ? bytes : Array(bytes.prefix(1000))))
      }
    }
    try tasks?.swapOut(type: Self.swapArea(of: guest), offset: gfn, page, kernel: kernel, in: &space)
  }
}
