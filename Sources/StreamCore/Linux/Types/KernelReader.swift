/// Reads a kernel's structures by the names of their members: the value, or the reason why it is not known.
///
/// A page that could not be read from the file is damaged here; whoever ends the step asks the file, as `ByteSource`
/// says.
struct KernelReader: Sendable {
  let kernel: LinuxKernel
  let types: KernelTypes

  /// Bytes of a member that are read at once, at most.
  static let byteLimit = 16 << 20

  /// An integer of 1, 2, 4 or 8 bytes, an enumerator, a bit-field or a pointer. Signed ones are extended to 64 bits.
  func value(_ path: ResolvedPath, at address: VirtualAddress) throws(KernelFault) -> UInt64 {
    let member = path.member
    guard member.kind == .integer || member.kind == .pointer, (1...9).contains(member.size),
      member.bitSize != nil || member.size.nonzeroBitCount == 1 && member.size <= 8, (1...64).contains(member.bits)
    else { throw .type(.notAnInteger(path: path.text)) }
    let bytes = try read(try self.address(path, at: address), count: member.size)
    // A bit-field of 64 bits may touch 9 bytes.
    var value: UInt64 = 0
    let shift = member.bitOffset ?? 0
    for (index, byte) in bytes.enumerated() {
      let place = 8 * index - shift
      value |= place < 0 ? UInt64(byte) >> UInt64(-place) : UInt64(byte) << UInt64(place)
    }
    let unused = UInt64(64 - member.bits)
    value <<= unused
    return member.isSigned ? UInt64(bitPattern: Int64(bitPattern: value) >> Int64(unused)) : value >> unused
  }

  func value(_ path: String, at address: VirtualAddress) throws(KernelFault) -> UInt64 {
    try value(try resolve(path), at: address)
  }

  /// The address that a pointer holds.
  func pointer(_ path: ResolvedPath, at address: VirtualAddress) throws(KernelFault) -> VirtualAddress {
    VirtualAddress(rawValue: try value(path, at: address))
  }

  func pointer(_ path: String, at address: VirtualAddress) throws(KernelFault) -> VirtualAddress {
    try pointer(try resolve(path), at: address)
  }

  /// The bytes of a member, whole.
  func bytes(_ path: ResolvedPath, at address: VirtualAddress) throws(KernelFault) -> [UInt8] {
    let size = path.member.size
    guard size <= Self.byteLimit else { throw .type(.tooLarge(path: path.text, bytes: size)) }
    return try read(try self.address(path, at: address), count: size)
  }

  func bytes(_ path: String, at address: VirtualAddress) throws(KernelFault) -> [UInt8] {
    try bytes(try resolve(path), at: address)
  }

  /// The elements of an array of integers or pointers, as far as they can be had, and what ends them.
  /// - Parameter limit: elements at most; also their number where the array has no fixed end.
  func elements(
    _ path: ResolvedPath, at address: VirtualAddress, limit: Int = 4096
  ) throws(KernelFault) -> (values: [UInt64], fault: KernelReadFault?) {
    guard path.member.kind == .array, let count = path.member.count, let size = path.member.elementSize,
      [1, 2, 4, 8].contains(size)
    else { throw .type(.notAnArray(path: path.text, at: "")) }
    let wanted = max(0, min(count == 0 ? limit : count, limit, Self.byteLimit / 8))
    let found = kernel.readable(try self.address(path, at: address), upTo: wanted * size)
    let values = (0..<found.bytes.count / size).map { element in
      found.bytes[element * size..<(element + 1) * size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    return (values, found.fault)
  }

  /// The text in an array of characters, up to its first NUL, its end, or `limit` bytes. Bytes that are no UTF-8 are
  /// replaced.
  func text(_ path: ResolvedPath, at address: VirtualAddress, limit: Int = 4096) throws(KernelFault) -> String {
    guard path.member.kind == .array, path.member.elementSize == 1, let count = path.member.count else {
      throw .type(.notText(path: path.text))
    }
    return try text(at: try self.address(path, at: address), limit: count == 0 ? limit : min(count, limit))
  }

  func text(_ path: String, at address: VirtualAddress, limit: Int = 4096) throws(KernelFault) -> String {
    try text(try resolve(path), at: address, limit: limit)
  }

  /// The text at an address, up to its first NUL or `limit` bytes.
  func text(at address: VirtualAddress, limit: Int) throws(KernelFault) -> String {
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let next = address &+ UInt64(bytes.count)
      let piece = try read(next, count: min(limit - bytes.count, pageSize - next.pageOffset))
      bytes += piece.prefix { $0 != 0 }
      if piece.contains(0) { break }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Where the member at a path stands, all pointers but it followed.
  func address(_ path: ResolvedPath, at address: VirtualAddress) throws(KernelFault) -> VirtualAddress {
    var address = address
    for offset in path.hops {
      let word: UInt64 = try read(address &+ UInt64(offset), count: 8).load(0) ?? 0
      address = VirtualAddress(rawValue: word)
    }
    return address &+ UInt64(path.member.offset)
  }

  private func resolve(_ path: String) throws(KernelFault) -> ResolvedPath {
    do throws(TypeFault) { return try types.path(path) } catch { throw .type(error) }
  }

  private func read(_ address: VirtualAddress, count: Int) throws(KernelFault) -> [UInt8] {
    do throws(KernelReadFault) { return try kernel.read(address, count: count) } catch { throw .read(error) }
  }
}

extension KernelMember {
  /// Bits of the value.
  fileprivate var bits: Int { bitSize ?? 8 * size }
}
