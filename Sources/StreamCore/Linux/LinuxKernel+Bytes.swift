extension LinuxKernel {
  /// `count` bytes from a kernel virtual address: all of them, or why not.
  /// - Parameter count: bounded by the caller.
  func read(_ address: VirtualAddress, count: Int) throws(KernelReadFault) -> [UInt8] {
    let found = readable(address, upTo: count)
    if let fault = found.fault { throw fault }
    return found.bytes
  }

  /// The bytes from a kernel virtual address on, as far as they can be had, and what ends them before `count`.
  /// - Parameter count: bounded by the caller.
  func readable(_ address: VirtualAddress, upTo count: Int) -> (bytes: [UInt8], fault: KernelReadFault?) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(max(0, count))
    let fault = append(address, upTo: count, to: &bytes)
    return (bytes, fault)
  }

  /// The same of a large table that is read once, by several workers, each of which reads a part.
  func readable(_ address: VirtualAddress, upTo count: Int, _ workers: Workers) -> [UInt8] {
    let parts = (max(0, count) + Self.partBytes - 1) / Self.partBytes
    let read = workers.mapAll(parts) { part in
      let size = min(Self.partBytes, count - part * Self.partBytes)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(size)
      let fault = append(address &+ UInt64(part * Self.partBytes), upTo: size, to: &bytes, page: memory.passingPage)
      return (bytes: bytes, fault: fault)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(max(0, count))
    for part in read {
      bytes += part.bytes
      if part.fault != nil { break }
    }
    return bytes
  }

  /// What one worker reads at once.
  private static let partBytes = 64 << 10

  /// Appends the bytes from a kernel virtual address on, as far as they can be had. Translates once a leaf.
  /// - Parameter count: bounded by the caller.
  /// - Returns: what ends them before `count`.
  func append(_ address: VirtualAddress, upTo count: Int, to bytes: inout [UInt8]) -> KernelReadFault? {
    append(address, upTo: count, to: &bytes, page: memory.page)
  }

  private func append(
    _ address: VirtualAddress, upTo count: Int, to bytes: inout [UInt8], page read: (UInt64) -> PageResult
  ) -> KernelReadFault? {
    var done = 0
    // Where the leaf that was looked up last leads, and how far it reaches.
    var physical: UInt64 = 0
    var leafEnd = 0
    while done < count {
      let at = address &+ UInt64(done)
      if done >= leafEnd {
        guard at.rawValue >= address.rawValue else { return .noAddress(at) }
        let size: UInt64
        do throws(KernelReadFault) { (physical, size) = try lookup(at) } catch { return error }
        leafEnd = done + Int(size - (at.rawValue & (size - 1)))
      }
      switch read(physical >> 12) {
      case .page(let page):
        let start = Int(physical & 0xfff)
        let take = min(pageSize - start, count - done)
        bytes += page.bytes[start..<start + take]
        done += take
        physical &+= UInt64(take)
      case .absent: return .absent(at)
      case .bad: return .damaged(at)
      }
    }
    return nil
  }

  /// The bytes right before a kernel virtual address, as far back as they can be had without a hole.
  /// - Parameter count: bounded by the caller.
  func readable(before address: VirtualAddress, upTo count: Int) -> [UInt8] {
    // What is read at once; one page where that fails, to come close to the hole.
    var step = 256 << 10
    var pieces: [[UInt8]] = []
    var left = count
    var at = address
    while left > 0 {
      let inPage = at.pageOffset == 0 ? pageSize : at.pageOffset
      let take = min(left, step - (pageSize - inPage))
      guard UInt64(take) <= at.rawValue else { break }
      let start = at &- UInt64(take)
      if let piece = try? read(start, count: take) {
        pieces.append(piece)
        left -= take
        at = start
      } else if step > pageSize {
        step = pageSize
      } else {
        break
      }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count - left)
    for piece in pieces.reversed() { bytes += piece }
    return bytes
  }

  private func lookup(_ address: VirtualAddress) throws(KernelReadFault) -> (physical: UInt64, size: UInt64) {
    guard address.rawValue >> 63 == 1 else { throw .noAddress(address) }
    switch tables.lookup(address) {
    case .mapped(let physical, let size, _): return (physical, size)
    case .notPresent: throw .unmapped(address)
    case .missingTable(let frame, _):
      if case .bad = memory.page(frame) { throw .damaged(address) }
      throw .absent(address)
    case .notCanonical: throw .noAddress(address)
    }
  }

  /// A little-endian integer of `size` bytes, 1 to 8, zero-extended.
  func integer(_ address: VirtualAddress, size: Int) throws(KernelReadFault) -> UInt64 {
    let size = max(0, min(size, 8))
    if size == 8 || size == 4, address.pageOffset <= pageSize - size {
      let (physical, _) = try lookup(address)
      let offset = Int(physical & 0xfff)
      switch memory.page(physical >> 12) {
      case .page(let page): return size == 8 ? page.load(offset) : UInt64(page.u32(offset))
      case .absent: throw .absent(address)
      case .bad: throw .damaged(address)
      }
    }
    return try read(address, count: size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
