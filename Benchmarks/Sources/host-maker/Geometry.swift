/// Which frame of the host is what, by arithmetic alone: nothing here grows with the host.
///
/// RAM as on a PC: a hole from 640 KiB to 1 MiB, and one from 3 to 4 GiB in larger hosts. From 16 MiB on stand the
/// kernel's image, its structures and the guests' EPT tables; what is left are blocks of 2 MiB, which guests and free
/// memory share in no order.
struct Geometry: Sendable {
  /// One guest's memory and tables.
  struct Guest: Sendable {
    /// Blocks of 2 MiB, in order of guest-physical addresses.
    let blocks: UInt64
    /// Its first block among all guests', and its first table among all tables.
    let firstBlock: UInt64
    let firstTable: UInt64
    let isShuffled: Bool
    /// A process with page tables of its own maps the memory, too.
    let hasProcess: Bool

    /// RAM below 3 GiB, and from 4 GiB on, in blocks, as QEMU's machines have it.
    var lowBlocks: UInt64 { min(blocks, 1536) }
    var highBlocks: UInt64 { blocks - lowBlocks }
    /// Tables of the second level: one for each GiB that has RAM.
    var directories: UInt64 { (lowBlocks + 511) / 512 + (highBlocks + 511) / 512 }
    /// Of EPT: root, third level, second level, and for pages of 4 KiB the first.
    var eptTables: UInt64 { 2 + directories + (isShuffled ? blocks : 0) }
    /// Of the process, whose addresses have no hole: second level. Its third level is one table, its root stands
    /// elsewhere.
    var processDirectories: UInt64 { (blocks + 511) / 512 }
    /// EPT's, then the process' from its third level down.
    var tables: UInt64 {
      eptTables + (hasProcess ? 1 + processDirectories + (isShuffled ? blocks : 0) : 0)
    }

    /// Runs of guest frames that are RAM, ascending.
    var ram: [Range<UInt64>] {
      let low = 0..<lowBlocks << 9
      return highBlocks == 0 ? [low] : [low, 1 << 20..<1 << 20 + highBlocks << 9]
    }

    /// GPA of a block's first byte.
    func address(block: UInt64) -> UInt64 { (block < 1536 ? block : block + 512) << 21 }
    /// The GiB that a table of the second level maps.
    func gigabyte(directory: UInt64) -> UInt64 { directory < 3 ? directory : directory + 1 }
    /// The block at a GPA in blocks, nil in a hole.
    func block(at place: UInt64) -> UInt64? {
      if place < 1536 { return place < lowBlocks ? place : nil }
      return place >= 2048 && place - 512 < blocks ? place - 512 : nil
    }
  }

  static let imageFrame: UInt64 = 0x1000
  static let imageFrames: UInt64 = 2048

  /// Runs of frames that are RAM, ascending.
  let ram: [Range<UInt64>]
  /// Frames for the kernel's own structures.
  let structures: Range<UInt64>
  /// Frames of the guests' EPT tables.
  let tables: Range<UInt64>
  let guests: [Guest]
  /// Whole blocks of RAM above the tables, as runs of frames.
  private let blockRuns: [Range<UInt64>]
  private let blockOrder: Permutation
  /// Over the pages of all shuffled guests together.
  private let pageOrder: Permutation?
  private let tableOrder: Permutation
  /// The first block that belongs to a shuffled guest, among all guests' blocks.
  private let firstShuffledBlock: UInt64

  init(_ options: HostOptions) throws(NoRoom) {
    let frames = options.size >> 12
    let low: UInt64 = 0xc0000
    let upper = frames > low ? [0x100..<low, 0x100000..<0x100000 + frames - low] : [0x100..<frames]
    ram = [0..<0xa0] + upper

    var guests: [Guest] = []
    var block: UInt64 = 0
    var table: UInt64 = 0
    var firstShuffled: UInt64?
    for index in 0..<options.guests {
      let isShuffled =
        switch options.backing {
        case .huge: false
        case .shuffled: true
        case .half: index >= options.guests / 2
        }
      if isShuffled && firstShuffled == nil { firstShuffled = block }
      let guest = Guest(
        blocks: options.guestShare / HostOptions.block, firstBlock: block, firstTable: table, isShuffled: isShuffled,
        hasProcess: options.describes)
      guests.append(guest)
      block += guest.blocks
      table += guest.tables
    }
    self.guests = guests
    firstShuffledBlock = firstShuffled ?? block
    pageOrder = firstShuffled.map { Permutation(count: (block - $0) * 512, seed: mix(options.seed) &+ 2) }

    let structuresStart = Self.imageFrame + Self.imageFrames
    let room = 1024 + 160 * options.cpus + options.guests * (32 + 32 * options.vcpusPerGuest)
    structures = structuresStart..<structuresStart + room
    tables = structures.upperBound..<structures.upperBound + table
    tableOrder = Permutation(count: table, seed: mix(options.seed) &+ 3)
    let start = (tables.upperBound + 511) / 512 * 512
    guard start < upper[0].upperBound else { throw NoRoom(what: "the kernel's structures and EPT tables") }
    blockRuns = [start..<upper[0].upperBound / 512 * 512] + upper.dropFirst().map { $0 }
    let blocks = blockRuns.reduce(0) { $0 + UInt64($1.count) / 512 }
    guard block <= blocks else { throw NoRoom(what: "\(block) blocks of guests: \(blocks) are left") }
    blockOrder = Permutation(count: blocks, seed: mix(options.seed) &+ 1)
  }

  /// One past the highest frame.
  var end: UInt64 { ram.last?.upperBound ?? 0 }
  var ramFrames: UInt64 { ram.reduce(0) { $0 + UInt64($1.count) } }

  /// The host frame behind a page of a guest's block.
  func frame(_ guest: Guest, block: UInt64, page: UInt64) -> UInt64 {
    let block = guest.firstBlock + block
    guard guest.isShuffled, let pageOrder else { return frame(block: block) + page }
    let place = pageOrder((block - firstShuffledBlock) * 512 + page)
    return frame(block: firstShuffledBlock + place / 512) + place % 512
  }

  /// The host frame behind a guest-physical address, which must be RAM.
  func frame(_ guest: Guest, gpa: UInt64) -> UInt64? {
    guest.block(at: gpa >> 21).map { frame(guest, block: $0, page: gpa >> 12 & 511) }
  }

  private func frame(block: UInt64) -> UInt64 {
    var place = blockOrder(block) * 512
    for run in blockRuns {
      if place < UInt64(run.count) { return run.lowerBound + place }
      place -= UInt64(run.count)
    }
    preconditionFailure("the permutation stays within the blocks")
  }

  /// Where a guest's table stands; table 0 is its root.
  func frame(table: UInt64, of guest: Guest) -> UInt64 { tables.lowerBound + tableOrder(guest.firstTable + table) }

  /// Which guest's table stands in a frame of `tables`.
  func table(at frame: UInt64) -> (guest: Guest, table: UInt64) {
    let table = tableOrder.inverse(frame - tables.lowerBound)
    var low = 0
    var high = guests.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if guests[middle].firstTable <= table { low = middle } else { high = middle }
    }
    return (guests[low], table - guests[low].firstTable)
  }
}
