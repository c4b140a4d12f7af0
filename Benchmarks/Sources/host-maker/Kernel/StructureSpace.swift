import HostModel

/// Room for a kernel's own structures: neighbouring frames, one after the other. Those that nobody writes are zero in
/// the host's and ordinary content in a guest's.
struct StructureSpace: FrameSpace {
  var memory = SparseMemory()
  var random: SplitMix64
  let ram: [Range<UInt64>]
  private var free: Range<UInt64>

  /// - Parameters:
  ///   - free: the frames that `allocate` may hand out.
  ///   - ram: runs of frames that the kernel's direct map shows.
  init(free: Range<UInt64>, ram: [Range<UInt64>], seed: UInt64) {
    self.free = free
    self.ram = ram
    random = SplitMix64(seed: seed)
  }

  mutating func allocate(_ count: UInt64, alignment: UInt64) throws(NoRoom) -> UInt64 {
    let start = (free.lowerBound + alignment - 1) / alignment * alignment
    guard start + count <= free.upperBound else { throw NoRoom(what: "the kernel's structures") }
    free = start + count..<free.upperBound
    return start
  }
}
