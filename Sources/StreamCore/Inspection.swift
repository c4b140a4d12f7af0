/// What a host dump holds: the first half of the way through the house, up to and with the guests' maps.
/// Source: Documentation/design.md §3.1 to §3.6.
public struct Inspection: Sendable {
  let dump: any HostDump
  let memory: HostMemory
  let guests: [Guest]
  /// `nil`: no layout reads the host's regions, as `unknownLayout` says.
  let layout: LayoutChoice?
  let unknownLayout: UnknownLayout?
  let findings: Findings
  /// Tests give others.
  var decoders: DecoderPool
  /// The extents of the guests' maps, for one who writes them.
  let extents: ExtentStore?
  let isPlain: Bool
  /// What the host's kernel says of itself.
  let word: HostWord
  let checkpoint: Checkpoint

  /// What the inspection is for, which says how much of the guests' maps is kept.
  public enum Purpose: Sendable {
    /// To count pages.
    case list
    /// To read single pages.
    case page
    /// To write the guests.
    case split
  }

  public struct Options: Sendable {
    var purpose: Purpose
    public var memory: MemoryBudget
    /// A layout given by the user, tried first.
    var layout: Layout?
    /// A VMCSINFO given by the user, tried next.
    var vmcsinfo: VMCSInfo?
    var workers: Workers
    var progress: Progress
    /// Every page is looked at, also where the host's kernel names all regions: for guests that are gone, and what
    /// other hypervisors left.
    public var scans = false
    /// The host's kernel is not asked: everything is found by content.
    public var isByContent = false
    /// Where the host's kernel has no types, memory slots of a known shape count.
    public var usesShapes = true
    /// Every page is read and decoded whole, one after the other, here and in the split: the slow way that the fast one
    /// is held against.
    public var isPlain = false
    /// For what the host's dump lacks of its kernel's symbols and types.
    public var symbols = SymbolFiles.none
    /// The input is raw memory, and this says what of it stands where.
    public var ranges: RangeTable? {
      didSet { if let ranges { open = { source throws(HostDumpError) in try ranges.open(source) } } }
    }
    /// For inputs that cannot be read in place.
    public var spooling = Spooling()
    var decoders = DecoderPool()
    /// Tests look over its shoulder.
    var open: @Sendable (ByteSource) throws(HostDumpError) -> any HostDump = openWholeInput

    public init(
      _ purpose: Purpose, memory: MemoryBudget = MemoryBudget(), layout: Layout? = nil, vmcsinfo: VMCSInfo? = nil,
      workers: Workers, progress: Progress = .none
    ) {
      self.purpose = purpose
      self.memory = memory
      self.layout = layout
      self.vmcsinfo = vmcsinfo
      self.workers = workers
      self.progress = progress
    }

    var question: HostWord.Question {
      .init(isAsked: !isByContent, usesShapes: usesShapes, files: symbols, workers: workers)
    }

    /// Tables that are read at most to count pages for a list: those of 32 GiB in pages of 4 KiB, EPT's and the VMMs'.
    /// Tests give others.
    var tableLimit: UInt64 = 1 << 15

    /// Pages whose places are looked up at most for a list of a dump that looks whole: 32 GiB.
    var placeLimit: UInt64 = 1 << 23

    /// - Parameter zeroFrames: of the host's kernel.
    func mapStorage(zeroFrames: FrameBitmap, _ scan: HeadScan) -> MapStorage {
      let places: UInt64? =
        switch purpose {
        case .list: placeLimit
        case .page: 0
        case .split: nil
        }
      return MapStorage(
        extents: purpose == .split ? ExtentStore(capacity: memory.extents) : nil, keepsPages: purpose != .list,
        limit: purpose == .list ? Int(clamping: memory.total / 4) : memory.maps,
        tableLimit: purpose == .list && !scans ? tableLimit : nil, zeroFrames: zeroFrames, sharing: memory.sharing,
        placeLimit: places, hasFaults: scan.faults.map { $0 > 0 })
    }
  }

  /// Opens a dump and finds its guests.
  /// - Throws: `Failure`; anything else is a defect.
  public static func run(path: String, _ options: Options) throws -> Inspection { try run(paths: [path], options) }

  /// - Parameter paths: of a dump, or of the parts of a split set in any order; at least one.
  public static func run(paths: [String], _ options: Options) throws -> Inspection {
    try Failure.from { try run(try source(paths, options), options) }
  }

  private static func source(_ paths: [String], _ options: Options) throws -> ByteSource {
    let files = try paths.map { try open($0, options) }
    guard let first = files.first else { throw Failure.severalDumps(count: 0) }
    return ByteSource(first, Array(files.dropFirst()))
  }

  /// Infers the layout of a host's regions from what its kernel knows of them, whether or not one is known.
  public static func inferredLayout(paths: [String], _ options: Options) throws -> InferredLayout {
    try Failure.from {
      let source = try Self.source(paths, options)
      let checkpoint = Checkpoint(source, options.workers, options.symbols.sources)
      let dump = try checkpoint.step { try options.open(source) }
      let memory = HostMemory(dump, decoders: options.decoders, cachedPages: options.memory.cachedPages)
      return try checkpoint.step {
        let word = try HostWord(dump.vmcoreinfo, memory, options.question)
        guard NamedHost(word, memory: memory) != nil else {
          throw InferenceFault.noWord(why: word.why ?? "it has no VM")
        }
        return try InferredLayout(word.regionClues)
      }
    }
  }

  /// The layout that reads a dump's regions: a known one, else the inferred one.
  public static func layout(ofDump paths: [String], _ options: Options) throws -> Layout {
    try run(paths: paths, options).layoutUsed ?? inferredLayout(paths: paths, options).layout
  }

  /// The host kernel's log, some records at a time; no guest is looked for.
  /// - Parameter body: takes records; `false`: no more are wanted.
  /// - Returns: what of the log could not be read, one line each.
  public static func hostLog(
    paths: [String], _ options: Options, _ body: ([LogRecord]) throws -> Bool
  ) throws -> [String] {
    let source = try Failure.from { try Self.source(paths, options) }
    let checkpoint = Checkpoint(source, options.workers)
    let dump = try Failure.from { try checkpoint.step { try options.open(source) } }
    return try Failure.from(dump) {
      let memory = HostMemory(dump, decoders: options.decoders, cachedPages: options.memory.cachedPages)
      return try read(of: "the host", checkpoint, body) { try KernelLog(of: dump.vmcoreinfo, memory) }
    }
  }

  /// The log of the kernel that ran in a guest, likewise.
  public func log(of wanted: String, _ body: ([LogRecord]) throws -> Bool) throws -> [String] {
    try Failure.from(dump) {
      let guest = try self.guest(named: wanted)
      return try Self.read(of: guest.name, checkpoint, body) { try guest.log() }
    }
  }

  /// The logs of the host and of guests, record by record by the host's clock.
  /// - Parameters:
  ///   - wanted: guests, as for `log`; none: all.
  ///   - began: told before the first record whose logs there are.
  /// - Returns: what is missing, one line each: logs that cannot be read, or whose clocks are not known, too.
  public func mergedLogs(
    _ wanted: [String], began: ([LogSource]) -> Void, _ body: ([MergedRecord]) throws -> Bool
  ) throws -> [String] {
    try Failure.from(dump) {
      let meant = try wanted.map { try guest(named: $0).id }
      let asked = guests.filter { meant.isEmpty || meant.contains($0.id) }
      let host: KernelLog
      do { host = try checkpoint.step { try KernelLog(of: dump.vmcoreinfo, memory) } } catch let fault as KernelLogFault
      {
        throw Failure.noLog(of: "the host", why: "\(fault)")
      }
      var logs: [(name: String, log: KernelLog, clock: GuestClock?)] = [("host", host, nil)]
      var sources: [LogSource] = []
      var missing: [String] = []
      for guest in asked {
        do {
          let log = try checkpoint.step { try guest.log() }
          let clock = try guest.state.clock.get()
          logs.append((guest.name, log, clock))
          sources.append(LogSource(name: guest.name, note: clock.note))
        } catch let fault as KernelLogFault {
          missing.append("\(guest.name): its kernel log cannot be read: \(fault)")
        } catch let fault as GuestClockFault {
          missing.append("\(guest.name): its log is left out: \(fault)")
        }
      }
      began(sources)
      var merged = try checkpoint.step { MergedLogs(logs) }
      while true {
        let records = try checkpoint.step { merged.next(256) }
        guard !records.isEmpty, try body(records) else { return missing + merged.losses }
      }
    }
  }

  private static func read(
    of name: String, _ checkpoint: Checkpoint, _ body: ([LogRecord]) throws -> Bool, _ open: () throws -> KernelLog
  ) throws -> [String] {
    var log: KernelLog
    do { log = try checkpoint.step(open) } catch let fault as KernelLogFault {
      throw Failure.noLog(of: name, why: "\(fault)")
    }
    while true {
      let records = try checkpoint.step { log.next(256) }
      guard !records.isEmpty, try body(records) else { return log.losses }
    }
  }

  private static func open(_ path: String, _ options: Options) throws -> InputFile {
    try Unwrapper(
      spooling: options.spooling, cancellation: options.workers.cancellation, progress: options.progress,
      takesAll: options.ranges != nil
    ).open(path, mapped: !options.isPlain)
  }

  /// The VMCS layout that the host's regions are read by; `nil`: none that is known.
  public var layoutUsed: Layout? { layout?.layout }

  /// Candidates that content or evidence kept out, one line each.
  public var nearMisses: [String] { findings.nearMisses }

  /// What each vCPU did when the host stopped.
  public func stalls() throws -> StallReport {
    let manifest = manifest()
    return try Failure.from(dump) { try checkpoint.step { StallReport(manifest, word, guests) } }
  }

  /// Pages of one guest's memory, one after the other from the one that holds `address`.
  /// - Parameters:
  ///   - wanted: the guest's number or name, its VMM's number, or its UUID.
  ///   - body: takes each page and the address it begins at; `false`: no more are wanted.
  public func forEachPage(
    from address: GPA, count: UInt64, of wanted: String, _ body: (Page, GPA) throws -> Bool
  ) throws {
    let guest = try Failure.from(dump) { try self.guest(named: wanted) }
    for index in 0..<count {
      let start = GPA(frame: address.frame &+ index)
      guard try body(try Failure.from(dump) { try self.page(start, of: guest) }, start) else { return }
    }
  }

  /// The one guest that a number, a name, the VMM's number or a UUID means.
  func guest(named wanted: String) throws(Failure) -> Guest {
    let meant = guests.filter { $0.isMeant(by: wanted) }
    guard meant.count <= 1 else { throw .ambiguousGuest(wanted: wanted, meant: meant.map(\.summary)) }
    guard let guest = meant.first else { throw .noSuchGuest(wanted: wanted, known: guests.map(\.name)) }
    return guest
  }

  /// One page of a guest's memory.
  func page(_ address: GPA, of guest: Guest) throws -> Page {
    try checkpoint.step {
      guard let hostFrame = guest.memory.hostFrame(address.frame) else {
        throw Failure.badAddress(guest: guest.name, address: address, why: "the guest's map has no page there")
      }
      guard guest.map.known.contains(address.frame) else {
        throw Failure.badAddress(guest: guest.name, address: address, why: "a device is mapped there, no RAM")
      }
      if guest.mapped.mapper.zeroFrames.contains(hostFrame) { return .zero }
      switch hostFrame < SwapEntry.firstFrame ? memory.page(hostFrame) : guest.memory.page(address.frame) {
      case .page(let page): return page
      case .absent:
        throw Failure.badAddress(guest: guest.name, address: address, why: "the host dump does not hold the page")
      case .bad:
        throw Failure.badAddress(guest: guest.name, address: address, why: "the page is damaged in the host dump")
      }
    }
  }
}
