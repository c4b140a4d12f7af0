/// The entries of a maple tree of the kernel, pointers and values, in order of index. Each node proves itself by its parent.
///
/// Source: include/linux/maple_tree.h: `struct maple_range_64` (parent, 15 pivots, 16 slots), `struct maple_arange_64`
/// (parent, 9 pivots, 10 slots, gaps); lib/maple_tree.c, mte_node_type, mte_to_node, ma_data_end.
struct KernelMapleTree: Sendable {
  struct Entry: Sendable, Equatable {
    var indexes: ClosedRange<UInt64>
    var value: KernelXArray.Value

    /// `nil`: a value.
    var pointer: VirtualAddress? { if case .pointer(let address) = value { address } else { nil } }
  }

  enum Reason: Sendable, Equatable {
    case unreadable(KernelReadFault)
    /// No node can be there, or be so.
    case noNode(UInt64)
    case limit
  }

  /// A part of the tree that could not be read.
  struct Gap: Sendable, Equatable {
    var indexes: ClosedRange<UInt64>
    var reason: Reason
  }

  private(set) var entries: [Entry] = []
  private(set) var gaps: [Gap] = []

  /// Entries of one tree at most; nodes are bounded by it too. Source: sysctl_max_map_count is 65,530.
  static let limit = 1 << 17
  /// Levels at most.
  private static let depth = 24
  private static let nodeBytes = 256
  /// A type of node: how many pivots and slots it has, and whether it names other nodes.
  private static let forms: [UInt64: (pivots: Int, slots: Int, isLeaf: Bool)] = [
    1: (15, 16, true), 2: (15, 16, false), 3: (9, 10, false),
  ]

  private let wanted: ClosedRange<UInt64>

  /// - Parameters:
  ///   - root: `maple_tree.ma_root` as it stands.
  ///   - wanted: entries that have none of these indexes are left out.
  init(root: UInt64, kernel: LinuxKernel, indexes wanted: ClosedRange<UInt64> = 0...UInt64.max, limit: Int = limit) {
    self.wanted = wanted
    var left = limit
    if Self.isNode(root) {
      visit(root, 0...UInt64.max, under: nil, depth: 0, kernel, &left)
    } else if wanted.contains(0) {
      add(root, 0...0, kernel)
    }
  }

  /// Reserved entries are neither pointers nor values.
  private mutating func add(_ entry: UInt64, _ indexes: ClosedRange<UInt64>, _ kernel: LinuxKernel) {
    if kernel.isPointer(entry) {
      entries.append(Entry(indexes: indexes, value: .pointer(VirtualAddress(rawValue: entry))))
    } else if entry & 1 == 1 {
      entries.append(Entry(indexes: indexes, value: .value(entry >> 1)))
    }
  }

  /// Whether the root is a node. Those below it are not marked so. Source: xa_is_node, mte_mk_root, mt_mk_node.
  private static func isNode(_ entry: UInt64) -> Bool { entry & 3 == 2 && entry > 4096 }

  private mutating func visit(
    _ entry: UInt64, _ range: ClosedRange<UInt64>, under parent: UInt64?, depth: Int, _ kernel: LinuxKernel,
    _ left: inout Int
  ) {
    guard left > 0, depth < Self.depth else { return gaps.append(Gap(indexes: range, reason: .limit)) }
    left -= 1
    let place = entry & ~0xff
    guard let form = Self.forms[entry >> 3 & 0xf], kernel.isPointer(place) else {
      return gaps.append(Gap(indexes: range, reason: .noNode(entry)))
    }
    let bytes: [UInt8]
    do throws(KernelReadFault) {
      bytes = try kernel.read(VirtualAddress(rawValue: place), count: Self.nodeBytes)
    } catch { return gaps.append(Gap(indexes: range, reason: .unreadable(error))) }
    // The root's is the tree. Source: lib/maple_tree.c, mas_set_parent.
    guard let named: UInt64 = bytes.load(0), named != 0, parent == nil || named & ~0xff == parent else {
      return gaps.append(Gap(indexes: range, reason: .noNode(entry)))
    }
    var start = range.lowerBound
    for slot in 0..<form.slots {
      var end = range.upperBound
      // A pivot of 0 is none, but in front. Source: lib/maple_tree.c, mas_logical_pivot.
      if slot < form.pivots, let pivot: UInt64 = bytes.load(8 + 8 * slot), pivot != 0 || slot == 0 && start == 0 {
        end = pivot
      }
      guard end >= start, end <= range.upperBound else {
        return gaps.append(Gap(indexes: start...range.upperBound, reason: .noNode(entry)))
      }
      if (start...end).overlaps(wanted), let value: UInt64 = bytes.load(8 + 8 * form.pivots + 8 * slot), value != 0 {
        if form.isLeaf {
          guard left > 0 else { return gaps.append(Gap(indexes: start...range.upperBound, reason: .limit)) }
          left -= 1
          add(value, start...end, kernel)
        } else {
          visit(value, start...end, under: place, depth: depth + 1, kernel, &left)
        }
      }
      guard end < range.upperBound else { return }
      start = end + 1
    }
  }
}
