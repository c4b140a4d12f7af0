import Synchronization

/// Judges frames whose heads could begin a VMCB whole, by content. Only marks are kept, whatever a guest fills its memory
/// with.
struct VMCBSearch: Sendable {
  /// Frames whose content is that of a VMCB.
  private(set) var accepted = FrameBitmap()

  private static let framesAtOnce: UInt64 = 512

  static func run(_ candidates: FrameBitmap, memory: HostMemory, workers: Workers) throws -> VMCBSearch {
    var pieces: [Range<UInt64>] = []
    candidates.forEachRun { run in
      for start in stride(from: run.lowerBound, to: run.upperBound, by: Int(framesAtOnce)) {
        pieces.append(start..<min(start + framesAtOnce, run.upperBound))
      }
    }
    let work = pieces
    let whole = Mutex(VMCBSearch())
    try workers.forEach(work.count) { _, item in
      let good = work[item].filter { vmcb($0, in: memory) != nil }
      whole.withLock { search in
        for frame in good { search.accepted.insert(frame) }
      }
    }
    return whole.withLock { search in
      search.accepted.freeze()
      return search
    }
  }

  /// The VMCB in a frame; `nil`: its content is none.
  static func vmcb(_ frame: UInt64, in memory: any PhysicalMemory) -> VMCB? {
    guard let page = memory.page(frame).page else { return nil }
    let vmcb = VMCB(address: HPA(frame: frame), page: page)
    do throws(VMCBFault) { try vmcb.check() } catch { return nil }
    return vmcb
  }
}
