/// How `--memory` is shared out (Documentation/design.md §8.5). The page index comes on top.
public struct MemoryBudget: Sendable, Equatable {
  /// Bytes.
  public let total: UInt64

  public init(total: UInt64 = 256 << 20) {
    self.total = total
    sharing = Int(clamping: total / 4)
    extents = Int(clamping: total / 16 * 5) / MemoryLayout<Extent>.stride
  }

  /// Bytes for the bitmaps of the guests' maps; their writers need as much again at most. For a TiB it is 33 MB.
  var maps: Int { Int(clamping: total / 16 * 3) }
  /// Bytes for what tells which frames guests share, while they are mapped: nothing is in flight yet. Tests give fewer.
  var sharing: Int
  /// Extents of one window. They stand in memory twice while they are sorted, before there are steps. Tests give fewer.
  var extents: Int
  /// Bytes for what the writers of all guests gather.
  var writers: Int { Int(clamping: total / 8) }
  /// Pages of the host's structures that are kept decoded: vCPUs are looked at again and again, all in a row, so a
  /// cache that is smaller than all of theirs keeps none. 128 vCPUs have 1,500 such pages.
  var cachedPages: Int { Int(clamping: total / 16) / pageSize }
  /// Bytes for the steps in flight.
  var steps: UInt64 { total / 4 }
}
