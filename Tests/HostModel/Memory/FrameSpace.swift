/// Physical memory with free frames: what a kernel and its structures are built in. A test's host scatters them, a
/// streamed one lets them stand one after the other.
public protocol FrameSpace: Sendable {
  /// Why there is no free frame.
  associatedtype Failure: Error

  var memory: SparseMemory { get set }
  var random: SplitMix64 { get set }
  /// Runs of frames that are RAM, ascending.
  var ram: [Range<UInt64>] { get }

  /// The first of `count` neighbouring free frames, now used; they hold zeros. `alignment` is in frames.
  mutating func allocate(_ count: UInt64, alignment: UInt64) throws(Failure) -> UInt64
}

extension FrameSpace {
  public mutating func allocate(_ count: UInt64 = 1) throws(Failure) -> UInt64 { try allocate(count, alignment: 1) }

  /// The physical address of a fresh page of zeros.
  public mutating func allocatePage() throws(Failure) -> UInt64 { try allocate() << 12 }
}
