import HostModel

/// Further tables of a guest's true EPT, spread over the address space above its first 512 GiB: every entry is a leaf
/// that maps the same host memory, so that a page of tables stands for up to 512 GiB of the guest's.
package struct EPTFloodSpec: Sendable {
  /// 1 to 3: leaves of 4 KiB, 2 MiB or 1 GiB.
  package var level: Int
  package var tables: UInt64
  /// Where every leaf leads, a multiple of its size.
  package var address: UInt64

  /// The host memory that one leaf maps, which nothing else shall stand in; none where it begins at 0, with all the
  /// rest.
  package var target: Range<UInt64>? {
    address == 0 ? nil : address >> 12..<address >> 12 + 1 << UInt64(9 * (level - 1))
  }
}

extension EPTTables {
  /// Tables full of equal leaves, each in the next 512 GiB, and so on round and round.
  package func flood(_ flood: EPTFloodSpec, in space: inout RecipeSpace) throws(RecipeMistake) {
    let leaf = EPTBits.Leaf.memory.rawValue | (flood.level > 1 ? EPTBits.large : 0) | flood.address | empty
    for index in 0..<flood.tables {
      let frame = try space.allocate()
      space.memory.setWords([UInt64](repeating: leaf, count: 512), frame: frame)
      let gpa = (1 + index % 511) << 39 | (index / 511) << 30
      try setEntry(frame << 12 | EPTBits.table | empty, gpa: gpa, level: flood.level + 1, in: &space)
    }
  }
}
