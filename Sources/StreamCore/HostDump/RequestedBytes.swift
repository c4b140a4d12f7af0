import Synchronization

/// What bytes of a dump are asked for, so that the counters can tell them apart. Source: Documentation/design.md §8.
enum ReadPurpose: Int, Sendable, CaseIterable {
  /// Headers, program headers, notes, bitmaps.
  case headers
  /// Page descriptors.
  case descriptors
  /// Stored pages of the head scan.
  case heads
  /// Whole pages read to be understood: candidates, EPT and page tables, KVM structures, VMCOREINFO, utsname.
  case structures
  /// EPT tables read again, to go through the guests' maps once more for a window of frames.
  case maps
  /// Stored pages that guests want.
  case pages

  var name: String { String(describing: self) }
}

/// Bytes requested from a dump, by purpose. Safe to add to from any thread.
final class RequestedBytes: Sendable {
  private let headers = Atomic<UInt64>(0)
  private let descriptors = Atomic<UInt64>(0)
  private let heads = Atomic<UInt64>(0)
  private let structures = Atomic<UInt64>(0)
  private let maps = Atomic<UInt64>(0)
  private let pages = Atomic<UInt64>(0)

  func add(_ bytes: Int, _ purpose: ReadPurpose) {
    let bytes = UInt64(max(0, bytes))
    switch purpose {
    case .headers: headers.wrappingAdd(bytes, ordering: .relaxed)
    case .descriptors: descriptors.wrappingAdd(bytes, ordering: .relaxed)
    case .heads: heads.wrappingAdd(bytes, ordering: .relaxed)
    case .structures: structures.wrappingAdd(bytes, ordering: .relaxed)
    case .maps: maps.wrappingAdd(bytes, ordering: .relaxed)
    case .pages: pages.wrappingAdd(bytes, ordering: .relaxed)
    }
  }

  subscript(purpose: ReadPurpose) -> UInt64 {
    switch purpose {
    case .headers: headers.load(ordering: .relaxed)
    case .descriptors: descriptors.load(ordering: .relaxed)
    case .heads: heads.load(ordering: .relaxed)
    case .structures: structures.load(ordering: .relaxed)
    case .maps: maps.load(ordering: .relaxed)
    case .pages: pages.load(ordering: .relaxed)
    }
  }
}
