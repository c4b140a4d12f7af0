/// What a host dump holds: steps 1 to 5 of the way of the data (design §3), up to and with the guests' maps.
public struct Inspection: Sendable {
  public let dump: any HostDump
  public let memory: HostMemory
  public let guests: [Guest]
  public let layout: LayoutChoice
  public internal(set) var warnings: [Manifest.Warning]
  public let defunct: [Manifest.Defunct]
  /// Candidates that content or evidence kept out, one line each.
  public let nearMisses: [String]
  let decoders: DecoderPool
  /// The extents of the guests' maps, for one who writes them.
  let extents: ExtentStore?
  let isPlain: Bool
  var counters: [String: UInt64]

  /// What the inspection is for, which says how much of the guests' maps is kept.
  public enum Purpose: Sendable {
    /// To count pages.
    case list
    /// To read single pages.
    case page
    /// To write the guests.
    case split

    fileprivate func storage(_ memory: MemoryBudget) -> MapStorage {
      MapStorage(
        extents: self == .split ? ExtentStore(capacity: memory.extents) : nil, keepsPages: self != .list,
        limit: self == .list ? Int(clamping: memory.total / 4) : memory.maps)
    }
  }

  public struct Options: Sendable {
    public var purpose: Purpose
    public var memory: MemoryBudget
    /// A layout given by the user, tried first.
    public var layout: Layout?
    /// A VMCSINFO given by the user, tried next.
    public var vmcsinfo: VMCSInfo?
    public var workers: Workers
    public var progress: Progress
    /// Every page is read and decoded whole, one after the other, here and in the split: the slow way that the fast one
    /// is held against.
    public var isPlain = false

    public init(
      _ purpose: Purpose, memory: MemoryBudget = MemoryBudget(), layout: Layout? = nil, vmcsinfo: VMCSInfo? = nil,
      workers: Workers,
      progress: Progress = .none
    ) {
      self.purpose = purpose
      self.memory = memory
      self.layout = layout
      self.vmcsinfo = vmcsinfo
      self.workers = workers
      self.progress = progress
    }

    /// In the order of design §3.3.
    fileprivate func sources(note: VMCSInfo?) -> [LayoutSource] {
      var sources: [LayoutSource] = []
      if let layout { sources.append(.layoutFile(layout)) }
      if let vmcsinfo { sources.append(.vmcsinfoFile(vmcsinfo.layout)) }
      if let note { sources.append(.vmcsinfoNote(note.layout)) }
      return sources + [.catalogue]
    }
  }

  /// Opens a dump and finds its guests.
  public static func run(path: String, _ options: Options) throws -> Inspection {
    let dump = try openHostDump(path: path, mapped: !options.isPlain)
    let decoders = DecoderPool()
    let memory = HostMemory(dump, decoders: decoders, cachedPages: options.memory.cachedPages)
    var notes = InspectionNotes(dump)

    let note = VMCSInfo.note(in: dump.notes)
    notes.note(vmcsinfo: note.remarks + (note.info?.remarks ?? []) + (options.vmcsinfo?.remarks ?? []))
    let sources = options.sources(note: note.info)

    // One pass for all sources: a page's head costs the same whether one id is in question or twenty.
    let heads = sources.reduce(into: [:]) { $0.merge($1.heads, uniquingKeysWith: &) }
    let scan =
      try options.isPlain
      ? HeadScan.plain(dump, heads: heads, decoders: decoders, cancellation: options.workers.cancellation)
      : HeadScan.run(dump, heads: heads, decoders: decoders, workers: options.workers, progress: options.progress)
    notes.note(scan)
    notes.noteRemarks(of: dump)

    let finder = HostFinder(dump: dump, memory: memory, decoders: decoders, workers: options.workers)
    let found = try finder.run(scan, sources: sources)
    notes.note(found)

    let storage = options.purpose.storage(options.memory)
    let result = try GuestFinder(
      dump: dump, memory: memory, scan: scan, storage: storage, workers: options.workers, progress: options.progress
    ).run(found)
    notes.note(result)
    return Inspection(
      dump: dump, memory: memory, guests: result.guests, layout: found.layout, warnings: notes.warnings,
      defunct: notes.defunct, nearMisses: notes.nearMisses, decoders: decoders, extents: storage.extents,
      isPlain: options.isPlain,
      counters: notes.counters)
  }

  /// A guest by its number or name.
  public func guest(named wanted: String) throws(Failure) -> Guest {
    if let guest = guests.first(where: { "\($0.id)" == wanted || $0.name == wanted }) { return guest }
    throw .noSuchGuest(wanted: wanted, known: guests.map(\.name))
  }

  /// One page of a guest's memory.
  public func page(_ address: GPA, of guest: Guest) throws(Failure) -> Page {
    guard let hostFrame = guest.memory?.hostFrame(address.frame) else {
      throw .badAddress(guest: guest.name, address: address, why: "the guest's map has no page there")
    }
    guard guest.map.known.contains(address.frame) else {
      throw .badAddress(guest: guest.name, address: address, why: "a device is mapped there, no RAM")
    }
    switch memory.page(hostFrame) {
    case .page(let page): return page
    case .absent: throw .badAddress(guest: guest.name, address: address, why: "the host dump does not hold the page")
    case .bad: throw .badAddress(guest: guest.name, address: address, why: "the page is damaged in the host dump")
    }
  }
}
