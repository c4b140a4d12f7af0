/// Small kernel objects in the direct map, each in one piece, never across the slab they share.
struct KernelSlab: Sendable {
  private let objectSize: UInt64
  private let perSlab: UInt64
  private let slabFrames: UInt64
  private var slab: UInt64 = 0
  private var index: UInt64

  init(objectSize: UInt64, slabFrames: UInt64) {
    self.objectSize = objectSize
    self.slabFrames = slabFrames
    perSlab = slabFrames << 12 / objectSize
    index = perSlab
  }

  /// Physical address of a fresh object.
  mutating func allocate<Space: FrameSpace>(in space: inout Space) throws(Space.Failure) -> UInt64 {
    if index == perSlab {
      slab = try space.allocate(slabFrames, alignment: slabFrames) << 12
      index = 0
    }
    index += 1
    return slab + (index - 1) * objectSize
  }
}
