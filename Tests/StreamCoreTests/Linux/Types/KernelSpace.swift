@testable import StreamCore

/// Memory of a small kernel that tests fill: in the direct map from 64 MiB on, page by page as it is written.
struct KernelSpace {
  static let base: UInt64 = 0x400_0000
  private(set) var host = KVMTestHost()

  /// The kernel address of a byte, counted from the base.
  static func address(_ offset: UInt64) -> VirtualAddress {
    VirtualAddress(rawValue: 0xffff_8880_0000_0000 + base + offset)
  }

  mutating func store(_ value: UInt64, at offset: UInt64) {
    host.memory.store(value, at: Self.base + offset)
  }

  /// Writes bytes; the rest of the last quadword becomes 0.
  mutating func store(_ bytes: [UInt8], at offset: UInt64) {
    for start in stride(from: 0, to: bytes.count, by: 8) {
      var word: UInt64 = 0
      for (index, byte) in bytes[start..<min(start + 8, bytes.count)].enumerated() {
        word |= UInt64(byte) << UInt64(8 * index)
      }
      store(word, at: offset + UInt64(start))
    }
  }

  /// Links nodes to a closed list; the first is the head.
  mutating func link(_ nodes: [UInt64]) {
    for (index, node) in nodes.enumerated() {
      store(Self.address(nodes[(index + 1) % nodes.count]).rawValue, at: node)
      store(Self.address(nodes[(index + nodes.count - 1) % nodes.count]).rawValue, at: node + 8)
    }
  }

  mutating func cut(pageAt offset: UInt64) { host.memory.remove((Self.base + offset) >> 12) }

  func kernel() throws -> LinuxKernel { try host.kernel() }

  func reader(_ types: KernelTypes) throws -> KernelReader { KernelReader(kernel: try kernel(), types: types) }
}
