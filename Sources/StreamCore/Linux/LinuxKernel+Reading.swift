extension LinuxKernel {
  /// The quadword at a kernel virtual address, which is a multiple of 8.
  func u64(_ address: UInt64) -> UInt64? {
    guard address & 7 == 0, let place = translate(VirtualAddress(rawValue: address)),
      let page = memory.page(place.frame).page
    else { return nil }
    return page.u64(place.pageOffset)
  }

  /// Up to `count` bytes from a kernel virtual address, as far as they are mapped and stored, with the frames they came
  /// from.
  func bytes(_ address: VirtualAddress, upTo count: Int) -> (bytes: [UInt8], frames: [UInt64]) {
    var bytes: [UInt8] = []
    var frames: [UInt64] = []
    while bytes.count < count {
      guard let place = translate(address &+ UInt64(bytes.count)), let page = memory.page(place.frame).page
      else { break }
      frames.append(place.frame)
      bytes += page.bytes[place.pageOffset..<min(pageSize, place.pageOffset + count - bytes.count)]
    }
    return (bytes, frames)
  }

  /// Whether a quadword can be the address of a kernel object: kernel half, canonical, a multiple of 8.
  func isPointer(_ value: UInt64) -> Bool {
    value & 7 == 0 && value >> 63 == 1 && VirtualAddress(rawValue: value).isCanonical(levels: levels)
  }

  /// Whether a `list_head` at `node` is linked, with both neighbours pointing back at it.
  func isLinked(_ node: UInt64, next: UInt64, previous: UInt64) -> Bool {
    isPointer(next) && isPointer(previous) && next != node && u64(next &+ 8) == node && u64(previous) == node
  }
}
