/// A structure that a reader of a host comes by on its way to the VMCSs, and where it stands: what a test damages or
/// leaves out of a dump.
public struct BuiltStructure: Sendable, Equatable {
  /// As the kernel's sources have it; of types `BTF header`, `BTF types`, `BTF strings`.
  public let name: String
  /// The module, VM, vCPU or CPU that it belongs to; empty for what a kernel has once.
  public var owner: String
  /// Physical addresses of its bytes, in their order.
  public let parts: [Range<UInt64>]

  public init(_ name: String, of owner: String = "", parts: [Range<UInt64>]) {
    self.name = name
    self.owner = owner
    self.parts = parts
  }

  /// One that stands in one piece.
  public init(_ name: String, of owner: String = "", at place: UInt64, size: UInt64) {
    self.init(name, of: owner, parts: [place..<place + size])
  }

  /// The frames that it stands in, in the order of its bytes. Others may stand in them, too.
  public var frames: [UInt64] { parts.flatMap { Array($0.lowerBound >> 12...($0.upperBound - 1) >> 12) } }
}

extension BuiltKernel.Mapping {
  /// Physical addresses of a run of bytes, counted from the start of the mapping, in pieces within pages.
  public func parts(_ bytes: Range<UInt64>) -> [Range<UInt64>] {
    var parts: [Range<UInt64>] = []
    var at = bytes.lowerBound
    while at < bytes.upperBound {
      let end = min((at >> 12 + 1) << 12, bytes.upperBound)
      parts.append(physical(at)..<physical(at) + end - at)
      at = end
    }
    return parts
  }
}
