/// One step of the pass: the wanted pages of a stretch of host frames as they go out, and who wants them.
struct ExtractedStep: Sendable {
  enum Result: Sendable {
    case zero
    /// Where the bytes are, and their codec.
    case stored(GatheredBytes.Piece, PageCodec)
    case fault(PageFault)
  }

  let step: PlanSteps.Step
  /// What `.buffer` pieces name.
  private(set) var payload: [UInt8] = []
  /// One for each wanted frame, ascending.
  private(set) var results: [Result] = []
  private(set) var transcoded: UInt64 = 0
  private(set) var passedUnread: UInt64 = 0
  /// Index in `results` by frame of the step.
  private var resultOfFrame: [Int]
  private static let unwanted = -1
  /// Wanted, and not come by yet.
  private static let wanted = -2

  init(step: PlanSteps.Step) {
    self.step = step
    resultOfFrame = Array(repeating: Self.unwanted, count: step.frames.count)
  }

  /// Reads what is wanted, once each, in file order.
  /// - Parameter zeroFrames: whose content is known without a look.
  mutating func fill(from dump: any HostDump, zeroFrames: FrameBitmap, _ transfer: PageTransfer) throws {
    let base = step.frames.lowerBound
    for extent in step.extents {
      for frame in extent.host..<extent.host + extent.count { resultOfFrame[Int(frame - base)] = Self.wanted }
    }
    zeroFrames.forEachRun(in: step.frames) { run in
      for frame in run where resultOfFrame[Int(frame - base)] == Self.wanted {
        resultOfFrame[Int(frame - base)] = results.count
        results.append(.zero)
      }
    }
    let source = dump.input.source
    if base >= SwapEntry.firstFrame {
      try fill(base, transfer)
      return try source.check()
    }
    if transfer.decodesInPlace {
      payload = [UInt8](unwritten: resultOfFrame.reduce(0) { $0 + ($1 == Self.wanted ? pageSize : 0) })
    }
    try dump.visit(
      step.frames,
      page: { page in
        guard resultOfFrame[Int(page.frame - base)] == Self.wanted else { return }
        resultOfFrame[Int(page.frame - base)] = results.count
        results.append(try transfer.transfer(page, of: source, into: &payload))
      },
      fault: { fault in
        guard resultOfFrame[Int(fault.frame - base)] == Self.wanted else { return }
        resultOfFrame[Int(fault.frame - base)] = results.count
        results.append(.fault(fault))
      })
    if transfer.decodesInPlace { payload.removeLast(payload.count - transfer.used) }
    passedUnread = transfer.passedUnread
    transcoded = transfer.transcoded
    dump.input.counters.add(transfer.asked, .pages)
    try source.check()
  }

  /// Decodes what the host's kernel keeps compressed, in the order of swap entries.
  private mutating func fill(_ base: UInt64, _ transfer: PageTransfer) throws {
    for index in resultOfFrame.indices where resultOfFrame[index] == Self.wanted {
      resultOfFrame[index] = results.count
      results.append(try transfer.transfer(swapped: base + UInt64(index), into: &payload))
    }
    transcoded = transfer.transcoded
  }

  /// Index in `results` of a frame that some extent of the step has.
  func result(of frame: UInt64) -> Int { resultOfFrame[Int(frame - step.frames.lowerBound)] }
}
