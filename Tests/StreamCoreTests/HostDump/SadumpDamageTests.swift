import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Damaged headers of sadump: each byte in turn, and several at once.
@Suite struct SadumpDamageTests {
  private static let forms: [RecipeSadump.Form] = [.partition, .medium, .volumes([30, 30, 101])]

  /// Files of one dump: in the page of rank n every byte is n, and the headers agree with each other.
  private struct Sample {
    let form: RecipeSadump.Form
    let files: [[UInt8]]
    /// Bytes before the pages of the first file.
    let head: Int
    /// The ranks of each file's pages.
    private let ranks: [Range<UInt64>]

    init(_ form: RecipeSadump.Form) {
      var recipe = RecipeSadump(form, ram: [0..<160, 256..<400], dumped: [0..<100, 256..<400])
      let heads = recipe.files.reduce(form == .medium ? -1 : 0) { $0 + $1.head.count / 4096 }
      recipe.written = UInt64(heads) + (recipe.files.last?.ranks.upperBound ?? 0)
      self.form = form
      head = recipe.files[0].head.count
      ranks = recipe.files.map(\.ranks)
      files = recipe.files.map { file in
        file.head + file.ranks.flatMap { [UInt8](repeating: UInt8($0), count: 4096) }
      }
    }

    /// Where the page of a frame stands; `nil`: it was not dumped.
    func place(_ frame: UInt64) -> (file: Int, bytes: Range<Int>)? {
      guard frame < 100 || (256..<400).contains(frame) else { return nil }
      let rank = frame < 100 ? frame : frame - 156
      for (index, own) in ranks.enumerated() where own.contains(rank) {
        let start = (index == 0 ? head : 4096) + Int(rank - own.lowerBound) * 4096
        return (index, start..<start + 4096)
      }
      return nil
    }

    /// The bitmap of dumped pages is the last block before these.
    func bitmap(_ files: [[UInt8]]) -> ArraySlice<UInt8> { files[0].dropFirst(head - 4096).prefix(50) }
  }

  /// Files that are damaged in place and made whole again.
  private struct Written {
    private let directory: RecipeDirectory
    private let paths: [String]
    private let handles: [FileHandle]

    init(_ sample: Sample) throws {
      let directory = try RecipeDirectory()
      self.directory = directory
      paths = try sample.files.enumerated().map { try directory.write($1, as: "file-\($0 + 1)") }
      handles = try paths.map { try #require(FileHandle(forUpdatingAtPath: $0)) }
    }

    func put(_ bytes: some Sequence<UInt8>, at offset: Int, of file: Int) throws {
      try handles[file].seek(toOffset: UInt64(offset))
      try handles[file].write(contentsOf: Array(bytes))
    }

    func cut(_ file: Int, to size: Int) throws { try handles[file].truncate(atOffset: UInt64(size)) }

    private func open() throws -> any HostDump {
      let inputs = try paths.map { try InputFile(path: $0) }
      return try openWholeInput(ByteSource(inputs[0], Array(inputs.dropFirst())))
    }

    /// `nil`: it is refused.
    func opened() throws -> (any HostDump)? {
      do { return try open() } catch is HostDumpError { return nil }
    }

    /// The field that is refused, or what is said of the dump.
    func answer() throws -> String {
      do {
        let remarks = try open().remarks
        return remarks.contains(where: \.isLoss) ? "loss" : remarks.isEmpty ? "silent" : "told"
      } catch HostDumpError.format(let error) {
        return error.field
      } catch is HostDumpError {
        return "no sadump"
      }
    }
  }

  /// Bytes of a header that have one answer.
  private typealias Row = (bytes: Range<Int>, answer: String)

  /// Of a partition, a medium, volume 1 and other volumes, in this order.
  private static let partitionHeader: [(bytes: Range<Int>, answers: [String])] = [
    // A file that has the mark a block later is a medium.
    (0..<8, ["sadump_id", "no sadump", "no sadump", "signature1"]),
    (8..<88, ["silent", "silent", "silent", "silent"]),
    (88..<120, ["silent", "sadump_id", "disk_set_id", "disk_set_id"]),
    (120..<136, ["silent", "silent", "silent", "vol_id"]),
    (136..<152, ["silent", "told", "time_stamp", "time_stamp"]),
    (152..<156, ["set_disk_set", "silent", "set_disk_set", "set_disk_set"]),
    (156..<160, ["silent", "silent", "silent", "silent"]),
    // No whole blocks, and another number of them.
    (160..<162, ["loss", "loss", "used_device", "used_device"]),
    (162..<168, ["loss", "loss", "loss", "loss"]),
    (168..<4096, ["told", "told", "told", "told"]),
  ]
  private static let mediumHeader: [Row] = [
    (0..<32, "sadump_id"), (32..<48, "told"), (48..<49, "sequential_num"), (49..<4096, "silent"),
  ]
  /// Of a set of four.
  private static let setHeader: [Row] = [
    (0..<4, "disk_set_header_size"), (4..<8, "disk_num"), (8..<16, "silent"), (16..<32, "vol_id"),
    (32..<48, "silent"), (48..<64, "vol_id"), (64..<80, "silent"), (80..<96, "vol_id"), (96..<4096, "silent"),
  ]
  /// With CPUs' states and both bitmaps, a block each.
  private static let dumpHeader: [Row] = [
    (0..<8, "signature"), (8..<12, "told"), (12..<40, "silent"), (40..<44, "block_size"), (44..<48, "told"),
    (48..<56, "bitmap_blocks"), (56..<60, "dumpable_bitmap_blocks"), (60..<88, "silent"),
    // Fewer frames than have a page, more than the bitmap has bits, more than any processor has.
    (88..<89, "dumpable bitmap"), (89..<93, "bitmap_blocks"), (93..<96, "max_mapnr_64"),
    (96..<8192, "silent"),
    // Dumped and no RAM; neither; past the last frame.
    (8192..<8205, "dumpable bitmap"), (8205..<8224, "silent"), (8224..<8242, "dumpable bitmap"),
    (8242..<12288, "silent"),
    // Byte 12 has four bits of eight, and its contrary as many: that no one can tell.
    (12288..<12300, "dumpable bitmap"), (12300..<12301, "silent"), (12301..<12338, "dumpable bitmap"),
    (12338..<16384, "silent"),
  ]

  private static func rows(_ form: RecipeSadump.Form, file: Int) -> [Row] {
    let column =
      switch form {
      case .partition: 0
      case .medium: 1
      case .volumes: file == 0 ? 2 : 3
      }
    var rows = form == .medium ? mediumHeader : []
    func add(_ block: [Row]) {
      let start = rows.last?.bytes.upperBound ?? 0
      rows += block.map { (start + $0.bytes.lowerBound..<start + $0.bytes.upperBound, $0.answer) }
    }
    add(partitionHeader.map { ($0.bytes, $0.answers[column]) })
    if column == 2 { add(setHeader) }
    if column < 3 { add(dumpHeader) }
    return rows
  }

  /// The first and the last byte of each field, and one between, with all bits the other way.
  @Test(arguments: forms) func aWrongByteOfAHeaderHasItsAnswer(form: RecipeSadump.Form) throws {
    let sample = Sample(form)
    let written = try Written(sample)
    #expect(try written.answer() == "silent")
    for (file, bytes) in sample.files.enumerated() {
      let rows = Self.rows(form, file: file)
      #expect(rows.last?.bytes.upperBound == (file == 0 ? sample.head : 4096))
      for row in rows {
        let places: Set = [row.bytes.lowerBound, row.bytes.lowerBound + row.bytes.count / 3, row.bytes.upperBound - 1]
        for at in places.sorted() {
          try written.put([~bytes[at]], at: at, of: file)
          #expect(try written.answer() == row.answer, "\(form), file \(file), byte \(at)")
          try written.put([bytes[at]], at: at, of: file)
        }
      }
    }
    #expect(try written.answer() == "silent")
  }

  /// One to four wrong bytes, and cuts: each run ends in an answer; what can be opened can be read, and where nothing is
  /// said to be lost, every page is that of its frame.
  @Test(arguments: forms) func severalWrongBytesEndInAnAnswer(form: RecipeSadump.Form) throws {
    let sample = Sample(form)
    let written = try Written(sample)
    var random = SeededGenerator(7)
    var compared = 0
    for run in 0..<150 {
      var damaged = sample.files
      var places: [(file: Int, at: Int)] = []
      for _ in 0...run % 4 {
        let file = Int.random(in: 0..<damaged.count, using: &random)
        // Headers are mostly zeros: half of all damages hit what is not.
        let any = Int.random(in: 0..<(file == 0 ? sample.head : 200), using: &random)
        let at = run % 2 == 0 ? any : any / 4096 * 4096 + any % 180
        damaged[file][at] = UInt8.random(in: 0...255, using: &random)
        try written.put([damaged[file][at]], at: at, of: file)
        places.append((file, at))
      }
      let isCut = run % 10 == 0
      if isCut { try written.cut(0, to: Int.random(in: 0..<damaged[0].count, using: &random)) }
      if let dump = try written.opened() {
        let counts = (sample.bitmap(damaged), sample.bitmap(sample.files))
        let isToldApart = counts.0 == counts.1 || counts.0.bitCount != counts.1.bitCount
        let isWhole = isToldApart && !dump.remarks.contains(where: \.isLoss)
        compared += isWhole ? 1 : 0
        try expectReadable(dump, sample, isWhole ? damaged : nil)
      }
      for (file, at) in places { try written.put([sample.files[file][at]], at: at, of: file) }
      if isCut { try written.put(sample.files[0], at: 0, of: 0) }
    }
    #expect(compared > 0)
  }

  /// - Parameter files: those that the dump was opened from, where its pages are whole.
  private func expectReadable(_ dump: any HostDump, _ sample: Sample, _ files: [[UInt8]]?) throws {
    let memory = HostMemory(dump)
    var wrong: [UInt64] = []
    for stretch in dump.stretches.prefix(8) {
      for case .page(let page) in try dump.entries(in: stretch).prefix(20) {
        let bytes = memory.page(page.frame).page?.bytes
        let place = sample.place(page.frame)
        let expected = files.map { files in place.map { Array(files[$0.file][$0.bytes]) } } ?? bytes
        if bytes == nil || bytes != expected { wrong.append(page.frame) }
      }
    }
    #expect(wrong == [])
    var frame: UInt64 = 0
    for _ in 0..<64 where frame < 1 << 20 { frame = dump.presenceRun(frame, limit: 1 << 20).end }
  }
}

extension ArraySlice<UInt8> {
  fileprivate var bitCount: Int { reduce(0) { $0 + $1.nonzeroBitCount } }
}
