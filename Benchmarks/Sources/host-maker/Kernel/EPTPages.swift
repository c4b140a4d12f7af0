import HostModel

/// The pages of the guests' EPT, or NPT, made when their turn comes in the file. Entries as Linux 6.1 writes them.
struct EPTPages: Sendable {
  let geometry: Geometry
  /// The tables are those of AMD's processors.
  var isNPT = false

  private var leaf: UInt64 { isNPT ? NPTBits.memory : EPTBits.Leaf.memory.rawValue }

  func pointer(_ guest: Geometry.Guest) -> UInt64 {
    let root = geometry.frame(table: 0, of: guest) << 12
    return isNPT ? root : EPTBits.pointer(root: root, levels: 4)
  }

  /// Fills `words` with the table in a frame of the geometry's tables, EPT's or that of a process.
  func fill(_ words: inout [UInt64], frame: UInt64) {
    for index in words.indices { words[index] = 0 }
    let (guest, table) = geometry.table(at: frame)
    switch table {
    case 0: words[0] = link(guest, 1)
    case 1:
      for directory in 0..<guest.directories {
        words[Int(guest.gigabyte(directory: directory))] = link(guest, 2 + directory)
      }
    case 2..<2 + guest.directories: directory(table - 2, of: guest, &words)
    case guest.eptTables...: ProcessPages(geometry: geometry).fill(&words, table: table - guest.eptTables, of: guest)
    default:
      let block = table - 2 - guest.directories
      for page in 0..<512 as Range<UInt64> {
        words[Int(page)] = leaf | geometry.frame(guest, block: block, page: page) << 12
      }
    }
  }

  private func directory(_ directory: UInt64, of guest: Geometry.Guest, _ words: inout [UInt64]) {
    let first = guest.gigabyte(directory: directory) * 512
    for place in 0..<512 as Range<UInt64> {
      guard let block = guest.block(at: first + place) else { continue }
      words[Int(place)] =
        guest.isShuffled
        ? link(guest, 2 + guest.directories + block)
        : leaf | EPTBits.large | geometry.frame(guest, block: block, page: 0) << 12
    }
  }

  private func link(_ guest: Geometry.Guest, _ table: UInt64) -> UInt64 {
    geometry.frame(table: table, of: guest) << 12 | (isNPT ? NPTBits.table : EPTBits.table)
  }
}
