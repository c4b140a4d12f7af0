/// A run of guest frames that map to a run of host frames, of one guest: (gpa, hpa, count) of design §1.
public struct Extent: Sendable, Equatable {
  /// First host frame.
  public var host: UInt64
  /// First guest frame.
  public var guest: UInt64
  /// Frames.
  public var count: UInt64
  /// Index of the guest in the plan.
  public var owner: Int

  public init(host: UInt64, guest: UInt64, count: UInt64, owner: Int) {
    self.host = host
    self.guest = guest
    self.count = count
    self.owner = owner
  }
}

/// All extents in the order of the host's frames, cut into steps that a worker takes at once. A frame that several
/// guests map, or one guest at several places, stands in the same step for all of them.
public struct ExtractionPlan: Sendable {
  /// Host frames that one step covers.
  public static let framesPerStep: UInt64 = 1024

  /// One step: these extents all lie inside `frames`.
  public struct Step: Sendable {
    public let frames: Range<UInt64>
    public let extents: ArraySlice<Extent>
  }

  private let extents: [Extent]
  private let starts: [Int]

  public init(_ given: [Extent]) {
    var extents: [Extent] = []
    extents.reserveCapacity(given.count)
    for extent in given {
      var rest = extent
      while rest.count > 0 {
        let room = Self.framesPerStep - rest.host % Self.framesPerStep
        let take = min(room, rest.count)
        extents.append(Extent(host: rest.host, guest: rest.guest, count: take, owner: rest.owner))
        rest.host += take
        rest.guest += take
        rest.count -= take
      }
    }
    extents.sort { ($0.host, $0.owner, $0.guest) < ($1.host, $1.owner, $1.guest) }
    var starts: [Int] = []
    for index in extents.indices
    where index == 0 || extents[index].host / Self.framesPerStep != extents[index - 1].host / Self.framesPerStep {
      starts.append(index)
    }
    self.extents = extents
    self.starts = starts
  }

  public var stepCount: Int { starts.count }

  public func step(_ index: Int) -> Step {
    let end = index + 1 < starts.count ? starts[index + 1] : extents.count
    let slice = extents[starts[index]..<end]
    let first = extents[starts[index]].host / Self.framesPerStep * Self.framesPerStep
    return Step(frames: first..<first + Self.framesPerStep, extents: slice)
  }
}
