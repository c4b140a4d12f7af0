/// What an xarray of the kernel holds, in order of index, or the radix tree that was in its place up to 4.19.
///
/// The layout of a node has been the same in both since 4.15, and each node proves it: it names its parent,
/// its place in it and the array. The place of the top node is never set, and is what was left there.
/// Source: include/linux/xarray.h, struct xa_node, xa_is_node, XA_RETRY_ENTRY, XA_ZERO_ENTRY; lib/xarray.c, xas_alloc;
/// include/linux/radix-tree.h of 4.18; Documentation/kvm.md §5.5.
struct KernelXArray: Sendable {
  enum Value: Sendable, Equatable {
    case pointer(VirtualAddress)
    /// An integer of 63 bits in place of a pointer: of the page cache, what became of a page.
    case value(UInt64)
  }

  /// How entries are told from nodes.
  enum Form: Sendable {
    case xarray
    case radixTree

    /// The node that an entry is: internal (low bits 10, or 01), and above all retry, zero, sibling and error entries.
    fileprivate func node(_ entry: UInt64) -> UInt64? {
      let mark: UInt64 = self == .xarray ? 2 : 1
      return entry & 3 == mark && entry > 4096 && entry < 0 &- 4096 ? entry - mark : nil
    }

    /// The slot of the entry that a slot belongs to, too: by its number, or by its address in the node.
    /// Source: xa_is_sibling; lib/radix-tree.c, is_sibling_entry.
    fileprivate func sibling(_ entry: UInt64, in node: UInt64) -> UInt64? {
      if self == .xarray { return entry & 3 == 2 && entry >> 2 < slots - 1 ? entry >> 2 : nil }
      let place = entry &- 1 &- node &- UInt64(slotsOffset)
      return entry & 3 == 1 && place < 8 * (slots - 1) ? place / 8 : nil
    }

    /// `nil`: none.
    fileprivate func value(_ entry: UInt64) -> Value? {
      let bits = entry & 3
      switch self {
      // Pointers may be tagged in bit 1 only together with bit 0, as values are: the array's owner knows.
      case .xarray:
        return entry == 0 || bits == 2
          ? nil : bits & 1 == 1 ? .value(entry >> 1) : .pointer(VirtualAddress(rawValue: entry))
      case .radixTree:
        return entry == 0 || bits & 1 == 1
          ? nil : bits == 2 ? .value(entry >> 2) : .pointer(VirtualAddress(rawValue: entry))
      }
    }
  }

  struct Entry: Sendable, Equatable {
    var index: UInt64
    /// Indexes that the entry stands for: above 1 in a node above the last level, and where siblings follow.
    var count: UInt64
    var value: Value
  }

  /// A part of the array that could not be read.
  struct Gap: Sendable, Equatable {
    var index: UInt64
    var reason: Reason
  }

  enum Reason: Sendable, Equatable {
    case unreadable(KernelReadFault)
    /// What should be a node does not name its parent, its place or its level.
    case noNode(UInt64)
    /// More entries or nodes than were asked for.
    case limit
  }

  private(set) var entries: [Entry] = []
  private(set) var gaps: [Gap] = []
  /// The nodes that this was read from, each `nodeBytes` long.
  private(set) var nodes: [VirtualAddress] = []

  /// Slots of a node, and bits of an index a level. Source: XA_CHUNK_SHIFT, 6 unless CONFIG_BASE_SMALL.
  private static let slots: UInt64 = 64
  private static let shift: UInt8 = 6
  /// The top level of an array with indexes of 64 bits.
  private static let topShift: UInt8 = 60
  /// Of `struct xa_node`: shift (u8), offset (u8), parent, array, slots; bytes.
  private static let parentOffset = 8
  private static let arrayOffset = 16
  private static let slotsOffset = 40
  /// Of a node up to its last slot.
  static let nodeBytes = slotsOffset + Int(8 * slots)
  /// Entries at most for one walk, unless fewer are asked for.
  static let limit = 1 << 16

  /// - Parameters:
  ///   - array: the `struct xarray`, or the radix tree's root.
  ///   - head: its xa_head, or rnode, as it stands.
  ///   - indexes: entries that have none of these are left out.
  ///   - limit: entries at most; nodes are bounded by it too.
  init(
    _ array: VirtualAddress, head: UInt64, kernel: LinuxKernel, indexes: ClosedRange<UInt64> = 0...UInt64.max,
    limit: Int = limit, form: Form = .xarray
  ) {
    var walk = Walk(
      kernel: kernel, form: form, array: array, indexes: indexes, entriesLeft: limit, nodesLeft: limit)
    if let node = form.node(head) {
      walk.node(node, parent: 0, offset: 0, shift: nil, index: 0)
    } else {
      walk.entry(head, index: 0, count: 1)
    }
    entries = walk.entries
    gaps = walk.gaps
    nodes = walk.nodes
  }

  private struct Walk {
    let kernel: LinuxKernel
    let form: Form
    let array: VirtualAddress
    let indexes: ClosedRange<UInt64>
    var entriesLeft: Int
    var nodesLeft: Int
    var entries: [Entry] = []
    var gaps: [Gap] = []
    var nodes: [VirtualAddress] = []

    /// - Parameter shift: that the node must have; any for the top.
    mutating func node(_ address: UInt64, parent: UInt64, offset: UInt8, shift wanted: UInt8?, index: UInt64) {
      guard nodesLeft > 0 else { return gap(index, .limit) }
      nodesLeft -= 1
      guard kernel.isPointer(address) else { return gap(index, .noNode(address)) }
      let bytes: [UInt8]
      do throws(KernelReadFault) {
        bytes = try kernel.read(VirtualAddress(rawValue: address), count: KernelXArray.nodeBytes)
      } catch { return gap(index, .unreadable(error)) }
      let shift = bytes[0]
      guard wanted.map({ shift == $0 }) ?? (shift <= KernelXArray.topShift && shift % KernelXArray.shift == 0),
        wanted == nil || bytes[1] == offset, bytes.load(KernelXArray.parentOffset, as: UInt64.self) == parent,
        bytes.load(KernelXArray.arrayOffset, as: UInt64.self) == array.rawValue
      else { return gap(index, .noNode(address)) }
      nodes.append(VirtualAddress(rawValue: address))
      for slot in slots(of: bytes, at: address, shift: UInt64(shift), index: index) {
        guard let value: UInt64 = bytes.load(KernelXArray.slotsOffset + Int(8 * slot)), value != 0 else { continue }
        // At the top level of 64-bit indexes only 16 slots have one.
        let (distance, overflow) = slot.multipliedReportingOverflow(by: 1 << UInt64(shift))
        guard !overflow else { continue }
        let at = index &+ distance
        if let head = form.sibling(value, in: address) {
          extend(index &+ head << UInt64(shift), at: at, by: 1 << UInt64(shift))
        } else if let child = form.node(value) {
          guard shift > 0 else { gap(at, .noNode(child)); continue }
          node(child, parent: address, offset: UInt8(slot), shift: shift - KernelXArray.shift, index: at)
        } else {
          entry(value, index: at, count: 1 << UInt64(shift))
        }
      }
    }

    /// The slots of a node that have to do with the indexes that are wanted, from the one on that the first belongs to.
    private func slots(of bytes: [UInt8], at node: UInt64, shift: UInt64, index: UInt64) -> Range<UInt64> {
      guard indexes.upperBound >= index else { return 0..<0 }
      let last = min(KernelXArray.slots - 1, (indexes.upperBound - index) >> shift)
      var first = indexes.lowerBound > index ? (indexes.lowerBound - index) >> shift : 0
      guard first <= last else { return 0..<0 }
      if let value: UInt64 = bytes.load(KernelXArray.slotsOffset + Int(8 * first)) {
        first = min(first, form.sibling(value, in: node) ?? first)
      }
      return first..<last + 1
    }

    /// A slot that belongs to the entry at an index, if that is the one before.
    private mutating func extend(_ index: UInt64, at: UInt64, by count: UInt64) {
      guard let last = entries.indices.last, entries[last].index == index, index &+ entries[last].count == at else {
        return
      }
      entries[last].count &+= count
    }

    /// Skips retry and zero entries.
    mutating func entry(_ value: UInt64, index: UInt64, count: UInt64) {
      guard let found = form.value(value) else { return }
      guard entriesLeft > 0 else { return gap(index, .limit) }
      entriesLeft -= 1
      entries.append(Entry(index: index, count: count, value: found))
    }

    mutating func gap(_ index: UInt64, _ reason: Reason) {
      // One for all that lies behind the limit.
      if reason == .limit, gaps.last?.reason == .limit { return }
      gaps.append(Gap(index: index, reason: reason))
    }
  }
}

extension KernelXArray.Gap: CustomStringConvertible {
  var description: String {
    switch reason {
    case .unreadable(let fault): "from index \(index) on: \(fault)"
    case .noNode(let value): "from index \(index) on: \(hex(value)) is no node of the array"
    case .limit: "from index \(index) on: more than is read"
    }
  }
}
