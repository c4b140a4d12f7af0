import Synchronization

/// What is found in a dump of which every stored page is read and decoded.
struct DumpCheck: Sendable, Equatable {
  /// "kdump-compressed" or "elf".
  var format = ""
  /// Pages that the file has a place for, those in its holes too.
  var stored: UInt64 = 0
  /// Of these, pages that hold nothing but zeros.
  var zero: UInt64 = 0
  /// Pages that cannot be had.
  var faults: UInt64 = 0
  /// What is wrong, one line each: at most so many of pages, then how many more.
  var wrong: [String] = []

  static let listed = 20

  /// Reads every page.
  /// - Throws: `HostDumpError` where the file is no dump that can be read, `SystemError` where reading fails.
  static func run(_ source: ByteSource, _ workers: Workers) throws -> DumpCheck {
    let dump = try openHostDump(source)
    var check = DumpCheck(format: dump.summary.format, stored: storedPages(dump))
    let stretches = dump.stretches
    let state = Mutex(Found())
    let decoders = DecoderPool()
    try workers.forEach(stretches.count) { _, index in
      var found = Found()
      try decoders.borrow { decoder in
        var page: [UInt8] = []
        try dump.visit(
          stretches[index],
          page: { stored in
            let fault = try source.lend(at: stored.offset, of: Int(stored.file), count: Int(stored.size)) {
              try decoder.decode($0, stored.codec, into: &page)
            }
            if let fault {
              found.add(PageFault(.bad, frame: stored.frame, offset: stored.offset, reason: "\(fault)"))
            } else if !page.withBytes({ $0.isZero }) {
              found.nonzero += 1
            }
          }, fault: { found.add($0) })
      }
      let part = found
      state.withLock { $0.add(part) }
    }
    try source.check()
    let found = state.withLock { $0 }
    check.faults = found.count
    check.zero = check.stored - min(check.stored, found.nonzero + found.count)
    check.wrong = dump.remarks.filter(\.isLoss).map(\.text) + found.lines
    return check
  }

  /// What the pages of some stretches show.
  private struct Found {
    var nonzero: UInt64 = 0
    var count: UInt64 = 0
    /// The first by frame; a hostile dump has as many as it likes.
    private var faults: [PageFault] = []

    mutating func add(_ fault: PageFault) {
      count += 1
      if faults.count < DumpCheck.listed { faults.append(fault) }
    }

    mutating func add(_ other: Found) {
      nonzero += other.nonzero
      count += other.count
      faults = Array((faults + other.faults).sorted { $0.frame < $1.frame }.prefix(DumpCheck.listed))
    }

    var lines: [String] {
      let lines = faults.map { fault in
        "page \(hex(fault.frame &<< 12)): \(fault.kind == .lost ? "missing" : "damaged"), at byte "
          + "\(hex(fault.offset)): \(fault.reason)"
      }
      let rest = count - UInt64(faults.count)
      return lines + (rest > 0 ? ["and \(rest) pages more"] : [])
    }
  }

  private static func storedPages(_ dump: any HostDump) -> UInt64 {
    var (frame, count) = (UInt64(0), UInt64(0))
    while frame < dump.summary.frames {
      let (presence, end) = dump.presenceRun(frame, limit: dump.summary.frames)
      if presence == .stored { count += end - frame }
      frame = end
    }
    return count
  }
}
