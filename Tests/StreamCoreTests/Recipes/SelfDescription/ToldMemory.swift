import HostRecipes

/// A host's virtual memory for one who knows VMCOREINFO alone: swapper_pg_dir through phys_base, all else through it.
struct ToldMemory {
  let host: BuiltHost
  let keys: [String: String]
  let root: UInt64

  init(_ host: BuiltHost) {
    self.host = host
    keys = RecipeReaders.keys(Array(host.kernel.vmcoreInfo.utf8))
    let physBase = UInt64(bitPattern: Int64(keys["NUMBER(phys_base)"] ?? "") ?? 0)
    let swapper = UInt64(keys["SYMBOL(swapper_pg_dir)"] ?? "", radix: 16) ?? 0
    root = swapper &- 0xffff_ffff_8000_0000 &+ physBase
  }

  func symbol(_ name: String) -> UInt64? { keys["SYMBOL(\(name))"].flatMap { UInt64($0, radix: 16) } }

  /// - Parameter tables: root of a process' tables; the kernel's unless given.
  func byte(_ address: UInt64, tables: UInt64? = nil) -> UInt8? {
    guard let place = host.translate(address, root: tables ?? root) else { return nil }
    return UInt8(truncatingIfNeeded: host.memory.load(place & ~7) >> ((place & 7) * 8))
  }

  func number(_ address: UInt64, _ width: Int = 8) -> UInt64? {
    if width == 8 && address & 7 == 0 { return host.translate(address, root: root).map { host.memory.load($0) } }
    return (0..<width).reduce(0) { sum, index in
      guard let sum, let byte = byte(address &+ UInt64(index)) else { return nil }
      return sum | UInt64(byte) << (8 * UInt64(index))
    }
  }

  func bytes(_ address: UInt64, _ count: Int) -> [UInt8] {
    var out: [UInt8] = []
    var at = address
    while out.count < count, let place = host.translate(at, root: root) {
      let page = host.memory.page(place >> 12)
      out += page[Int(place & 0xfff)..<min(4096, Int(place & 0xfff) + count - out.count)]
      at = address + UInt64(out.count)
    }
    return out
  }

  /// Up to a NUL.
  func text(_ address: UInt64, tables: UInt64? = nil, most: Int = 64) -> String {
    var found: [UInt8] = []
    while found.count < most, let byte = byte(address + UInt64(found.count), tables: tables), byte != 0 {
      found.append(byte)
    }
    return String(decoding: found, as: UTF8.self)
  }

  /// The objects of a list, each by the address of its node, as both directions have them.
  func list(_ head: UInt64) -> [UInt64]? {
    var nodes: [UInt64] = []
    var node = number(head)
    while let place = node, place != head {
      guard number((number(place) ?? 0) + 8) == place, nodes.count < 1000 else { return nil }
      nodes.append(place)
      node = number(place)
    }
    return node == nil ? nil : nodes
  }
}
