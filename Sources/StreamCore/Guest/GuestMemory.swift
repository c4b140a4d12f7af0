/// A guest's physical memory, seen through its second-level maps: table by table, on demand.
struct GuestMemory: PhysicalMemory {
  private let host: any PhysicalMemory
  /// Pages that the host's kernel keeps compressed.
  let swapped: SwappedPages?
  /// One a root, the one that counts where two disagree first.
  let maps: [any SecondLevelMap]

  /// - Parameter slots: of the guest and its VMM, where the host's kernel tells them; then they say what memory there is.
  init(host: any PhysicalMemory, roots: [any SecondLevelRoot], slots: VMMemory? = nil) {
    let tables = roots.map { $0.map(in: host) }
    self.init(
      host: host, swapped: slots?.pages.swapTypes.swapped,
      maps: slots.map { [SlotMap($0, tables: tables)] } ?? tables)
  }

  /// - Parameters:
  ///   - tables: of its roots.
  ///   - blocks: where its VMM has its memory, as far as the tables show it.
  init(host: any PhysicalMemory, tables: [any SecondLevelTables], joined blocks: BlockJoin.Outcome?) {
    guard let blocks, let pages = blocks.pages, !blocks.slots.isEmpty else {
      self.init(host: host, swapped: nil, maps: tables)
      return
    }
    self.init(
      host: host, swapped: pages.swapTypes.swapped, maps: [SlotMap(blocks.slots, of: pages, tables: tables)])
  }

  private init(host: any PhysicalMemory, swapped: SwappedPages?, maps: [any SecondLevelMap]) {
    self.host = host
    self.swapped = swapped
    self.maps = maps
  }

  /// The same memory, its tables read through `host`.
  func reading(from host: any PhysicalMemory) -> GuestMemory {
    GuestMemory(host: host, swapped: swapped, maps: maps.map { $0.reading(from: host) })
  }

  /// Tables that must be read to know every page, about.
  var unreadTables: UInt64 { maps.reduce(0) { $0 &+ $1.unreadTables } }

  /// The host frame behind a guest frame: the first root that maps it counts.
  func hostFrame(_ guestFrame: UInt64) -> UInt64? {
    for map in maps {
      if let hostFrame = map.hostFrame(guestFrame) { return hostFrame }
    }
    return nil
  }

  func page(_ frame: UInt64) -> PageResult {
    guard let hostFrame = hostFrame(frame) else { return .absent }
    guard hostFrame < SwapEntry.firstFrame else { return swapped?.page(hostFrame) ?? .absent }
    return host.page(hostFrame)
  }
}
