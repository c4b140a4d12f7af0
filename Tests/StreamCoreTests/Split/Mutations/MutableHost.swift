import Foundation
import HostModel
import HostRecipes
import Testing

/// The ELF dump of a described host in a file, whose bytes are changed in place and put back.
final class MutableHost {
  let host: BuiltHost
  let path: String
  private let directory: RecipeDirectory
  private let file: FileHandle
  private let loads: [RecipeReaders.Load]
  /// What is changed: structures by name, and pages of the kernel's and the VMMs' that no structure here stands in.
  let targets: [String: [BuiltStructure]]
  /// Places of words that are addresses in the direct map, outside of guests' memory and the kernel's image.
  let pointers: [UInt64]

  init(_ recipe: String) throws {
    host = try HostRecipe(recipe).build()
    directory = try RecipeDirectory()
    let bytes = host.elf()
    loads = RecipeReaders.elf(bytes).loads
    path = try directory.write(bytes, as: "host.elf")
    file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    var targets = Dictionary(grouping: host.structures, by: \.name)
    let guests = Set(host.guests.flatMap { guest in guest.ranges.joined().compactMap { guest.backing.frame($0) } })
    let known = Set(host.structures.flatMap(\.frames))
    let image = host.kernel.image >> 12..<host.kernel.image >> 12 + 2048
    let own = host.memory.pages.keys.filter { !guests.contains($0) && !image.contains($0) }.sorted()
    targets["page"] = own.filter { !known.contains($0) }.map { BuiltStructure("page", at: $0 << 12, size: 4096) }
    self.targets = targets
    let directMap = host.kernel.directMap
    let isOwn = Set(own)
    pointers = own.flatMap { frame in (0..<512 as Range<UInt64>).map { frame << 12 + $0 * 8 } }.filter { [host] place in
      let value = host.memory.load(place)
      return value > directMap && isOwn.contains((value - directMap) >> 12)
    }
  }

  /// Runs `body` while the dump has these bytes in place of its own.
  func with<Result>(_ changes: [(address: UInt64, bytes: [UInt8])], _ body: () throws -> Result) throws -> Result {
    for change in changes { try put(change.bytes, at: change.address) }
    defer {
      // In any order: what stood there is the host's own.
      for (address, bytes) in changes { try? put(host.memory.bytes(at: address, count: bytes.count), at: address) }
    }
    return try body()
  }

  private func put(_ bytes: [UInt8], at address: UInt64) throws {
    let load = try #require(
      loads.first { $0.physical <= address && address + UInt64(bytes.count) <= $0.physical + $0.stored })
    try file.seek(toOffset: load.offset + address - load.physical)
    try file.write(contentsOf: Data(bytes))
  }
}
