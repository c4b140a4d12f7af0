/// The table of all `struct page`, of which the pages exist that something stands in.
public struct MemoryMap: Sendable {
  private var pages: [UInt64: UInt64] = [:]

  public init() {}

  /// The physical address of a frame's `struct page`.
  mutating func place<Space: FrameSpace>(
    of frame: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let virtual = kernel.vmemmap + frame * KernelShape.pageSize
    if let page = pages[virtual >> 12] { return page + virtual & 0xfff }
    let page = try space.allocatePage()
    try kernel.tables.map(virtual & ~0xfff, to: page, flags: PageTables.Flags.kernelData, in: &space)
    pages[virtual >> 12] = page
    return page + virtual & 0xfff
  }

  /// Says of a page of `1 << order` frames that its bytes are its own.
  /// - Parameters:
  ///   - marks: further bits of its flags.
  ///   - isHead: its frames have `struct page`s that name the first.
  mutating func markUpToDate<Space: FrameSpace>(
    _ frame: UInt64, order: UInt64, marks: UInt64 = 0, hasTails: Bool, _ shape: KernelShape, kernel: BuiltKernel,
    in space: inout Space
  ) throws(Space.Failure) {
    let place = try place(of: frame, kernel: kernel, in: &space)
    let large: UInt64 = order > 0 ? 1 << shape.headBit : 0
    space.memory.store(1 << shape.upToDateBit | large | marks, at: place)
    guard order > 0 else { return }
    let second = try self.place(of: frame + 1, kernel: kernel, in: &space)
    space.memory.store(order, at: second + shape.orderPlace, width: 1)
    guard hasTails else { return }
    for tail in 1..<UInt64(1) << order {
      let place = try self.place(of: frame + tail, kernel: kernel, in: &space)
      space.memory.store(
        kernel.vmemmap + frame * KernelShape.pageSize + 1, at: place + KernelShape.pageCompoundHead)
    }
  }
}
