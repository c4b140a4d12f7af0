import HostModel

/// sadump, as firmware writes it, in its three forms. Source: makedumpfile's sadump_mod.h, libkdumpfile's mksadump.c;
/// Documentation/sadump.md.
package struct RecipeSadump: Sendable {
  package enum Form: Sendable, Equatable {
    case partition
    case medium
    /// The ranks of the pages that each volume behind the first begins with.
    case volumes([UInt64])
  }

  package var form: Form
  /// Runs of frames, ascending: RAM, and what of it is dumped.
  package var ram: [Range<UInt64>]
  package var dumped: [Range<UInt64>]
  package var version: UInt32 = 1
  package var cpus: UInt32 = 2
  /// Of each CPU, by which crash and makedumpfile find where the kernel lies.
  package var cr3: UInt64 = 0
  package var idtr: UInt64 = 0
  /// Blocks of all devices, as the dump header says.
  package var written: UInt64 = 0

  package init(_ form: Form, ram: [Range<UInt64>], dumped: [Range<UInt64>]) {
    self.form = form
    self.ram = ram
    self.dumped = dumped
  }

  /// Bytes of a file before its pages, and which pages follow, by their ranks.
  package struct File: Sendable {
    package var head: [UInt8]
    package var ranks: Range<UInt64>
  }

  private static let block = 4096
  private static let system = Array("system identity!".utf8)
  private static let set = Array("disk set of 2026".utf8)

  private var pages: UInt64 { dumped.reduce(0) { $0 + UInt64($1.count) } }
  private var frames: UInt64 { ram.last?.upperBound ?? 0 }

  package var files: [File] {
    switch form {
    case .partition: return [first(ranks: 0..<pages, volume: 0)]
    case .medium:
      var file = first(ranks: 0..<pages, volume: 0)
      file.head = Self.padded(Self.system + Self.set + Self.time + [1, 0, 0, 0]) + file.head
      return [file]
    case .volumes(let starts):
      let bounds = [0] + starts + [pages]
      return (1..<bounds.count).map { number in
        let ranks = bounds[number - 1]..<bounds[number]
        return number == 1
          ? first(ranks: ranks, volume: 1, of: starts.count + 1)
          : File(head: partition(UInt32(number), dataOffset: 4096, ranks), ranks: ranks)
      }
    }
  }

  /// The file with the headers of all.
  private func first(ranks: Range<UInt64>, volume: UInt32, of count: Int = 0) -> File {
    var rest: [UInt8] = []
    if count > 0 {
      var set = Self.words(1, UInt32(count)) + RecipeFile.le64(0)
      for number in 2...UInt32(max(2, count)) where number <= count {
        set += Self.volumeID(number) + RecipeFile.le64(1 << 40) + Self.words(0, 0)
      }
      rest += Self.padded(set)
    }
    let bitmaps = [ram, dumped].map { Self.padded(bitmap($0)) }
    let states = Self.padded(states)
    rest += Self.padded(header(states: states.count, bitmaps: bitmaps.map(\.count))) + states + bitmaps.joined()
    let offset = UInt64(Self.block + rest.count)
    return File(head: partition(volume, dataOffset: offset, ranks) + rest, ranks: ranks)
  }

  private func partition(_ volume: UInt32, dataOffset: UInt64, _ ranks: Range<UInt64>) -> [UInt8] {
    var bytes = Array("sadump".utf8) + [0, 0] + Self.words(1, 60, 1, 1) + [UInt8](repeating: 0, count: 64)
    bytes += Self.system + Self.set + Self.volumeID(volume) + Self.time + Self.words(volume, 0)
    bytes += RecipeFile.le64(dataOffset + UInt64(ranks.count) * 4096)
    var number: UInt32 = 0
    while bytes.count < Self.block {
      bytes += RecipeFile.le32(number)
      number = (number &+ 7) &* 11
    }
    return bytes
  }

  private func header(states: Int, bitmaps: [Int]) -> [UInt8] {
    let blocks = ([states] + bitmaps).map { UInt32($0 / Self.block) }
    let counts = [frames, ram.reduce(0) { $0 + UInt64($1.count) }, 0, written]
    var bytes = Array("sadump".utf8) + [0, 0] + Self.words(version, 0) + Self.time
    bytes += Self.words(0, 0, UInt32(Self.block), 0, blocks[0], blocks[1], blocks[2])
    bytes += counts.flatMap { RecipeFile.le32(UInt32(truncatingIfNeeded: $0)) } + Self.words(0, cpus, 0)
    return version == 0 ? bytes : bytes + counts.flatMap { RecipeFile.le64($0) }
  }

  /// APIC ids, then what each CPU was doing. Source: sadump_mod.h, sadump_smram_cpu_state, 1024 bytes.
  private var states: [UInt8] {
    var bytes = RecipeFile.le32(cpus * 1024)
    for cpu in 0..<UInt64(cpus) { bytes += RecipeFile.le64(cpu) + RecipeFile.le64(1 << cpu) }
    for _ in 0..<cpus {
      var state = [UInt8](repeating: 0, count: 1024)
      let words: [(Int, [UInt8])] = [
        (472, RecipeFile.le32(UInt32(idtr >> 32))), (660, RecipeFile.le32(UInt32(truncatingIfNeeded: idtr))),
        (992, RecipeFile.le64(0xd01)), (1008, RecipeFile.le64(cr3)), (1016, RecipeFile.le64(0x8005_0033)),
      ]
      for (at, word) in words { state.replaceSubrange(at..<at + word.count, with: word) }
      bytes += state
    }
    return bytes
  }

  /// The most significant bit of a byte is that of its lowest frame.
  private func bitmap(_ runs: [Range<UInt64>]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(frames / 8 + 1))
    for frame in runs.joined() { bytes[Int(frame / 8)] |= 0x80 >> UInt8(frame % 8) }
    return bytes
  }

  private static func volumeID(_ number: UInt32) -> [UInt8] { Array("volume number".utf8) + [0, 0, UInt8(number)] }

  /// EFI's time, 30 November 2026, 21:10:05, in no zone.
  private static let time: [UInt8] = [0xea, 0x07, 11, 30, 21, 10, 5, 0, 0, 0, 0, 0, 0xff, 0x07, 0, 0]

  private static func words(_ values: UInt32...) -> [UInt8] { values.flatMap { RecipeFile.le32($0) } }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (block - bytes.count % block) % block)
  }
}

extension BuiltHost {
  /// A sadump in memory, one array a file. Zero pages are left out where the recipe says so.
  package func sadump(
    _ form: RecipeSadump.Form, withoutZeros: Bool = false, _ change: (inout RecipeSadump) -> Void = { _ in }
  ) -> [[UInt8]] {
    let frames = storedFrames(level: 0).filter { !withoutZeros || !memory.isZero($0) }
    var recipe = RecipeSadump(form, ram: space.ram, dumped: RecipeKdump.runs(frames))
    change(&recipe)
    return recipe.files.map { file in
      file.head + frames[Int(file.ranks.lowerBound)..<Int(file.ranks.upperBound)].flatMap { memory.page($0) }
    }
  }
}
