import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// sadump in its three forms: a partition, a medium, the volumes of a disk set.
@Suite struct SadumpTests {
  private static let recipe = "host ram 16M seed 3\nguest a ram 0-2M nolinux"
  private static let forms: [RecipeSadump.Form] = [.partition, .medium, .volumes([1]), .volumes([1000, 1000, 3001])]

  private struct Missing: Error {}

  private func open(_ files: [[UInt8]]) throws -> any HostDump {
    let directory = try RecipeDirectory()
    let inputs = try files.enumerated().map { try InputFile(path: directory.write($1, as: "file-\($0 + 1)")) }
    return try openWholeInput(ByteSource(inputs[0], Array(inputs.dropFirst())))
  }

  private func refusal(_ files: [[UInt8]]) throws -> FormatError {
    do { _ = try open(files) } catch HostDumpError.format(let error) { return error }
    throw Missing()
  }

  /// Every frame's page is the host's, and what is said of runs is what is said of each frame.
  private func expect(_ dump: any HostDump, _ host: BuiltHost, holds isHeld: (UInt64) -> Bool) throws {
    let memory = HostMemory(dump)
    let held = host.ram.joined().filter(isHeld)
    #expect(dump.summary.storedPages == UInt64(held.count))
    for frame in held { try #require(memory.page(frame).page?.bytes == host.memory.page(frame), "frame \(frame)") }
    var frame: UInt64 = 0
    while frame < host.space.end + 10 {
      let run = dump.presenceRun(frame, limit: host.space.end + 10)
      #expect(run.end > frame)
      for frame in frame..<run.end {
        try #require(
          dump.presence(frame) == run.presence && (run.presence == .stored) == isHeld(frame), "frame \(frame)")
      }
      frame = run.end
    }
    #expect(try dump.stretches.reduce(0) { try $0 + dump.entries(in: $1).count } == held.count)
    #expect(dump.notes.isEmpty && dump.vmcoreinfo == nil)
  }

  @Test(arguments: forms, [0, 1] as [UInt32])
  func eachFormIsRead(form: RecipeSadump.Form, version: UInt32) throws {
    let host = try HostRecipe(Self.recipe).build()
    let ram = Set(host.ram.joined())
    let dump = try open(host.sadump(form) { $0.version = version })
    #expect(dump.remarks == [] && !dump.summary.incomplete)
    #expect(dump.summary.format == "sadump" && dump.summary.headerVersion == Int(version))
    #expect(dump.summary.frames == host.space.end && dump.summary.codec == nil)
    try expect(dump, host, holds: ram.contains)
  }

  /// What is RAM and not dumped was zero, or left out: nobody says which.
  @Test(arguments: forms) func pagesThatWereNotDumpedAreAbsent(form: RecipeSadump.Form) throws {
    let host = try HostRecipe(Self.recipe).build()
    let short = form == .volumes([1000, 1000, 3001]) ? RecipeSadump.Form.volumes([300, 300, 400]) : form
    let dump = try open(host.sadump(short, withoutZeros: true))
    let ram = Set(host.ram.joined())
    try expect(dump, host) { ram.contains($0) && !host.memory.isZero($0) }
    let zero = try #require(host.ram.joined().first { host.memory.isZero($0) })
    #expect(dump.presence(zero) == .notStored)
    #expect(dump.presence(0xa8) == .unknown)
  }

  @Test(arguments: [[3, 1, 2, 0], [1, 0, 3, 2], [2, 3, 0, 1]])
  func volumesInAnyOrderAreTheSet(order: [Int]) throws {
    let host = try HostRecipe(Self.recipe).build()
    let files = host.sadump(.volumes([1000, 1000, 3001]))
    let dump = try open(order.map { files[$0] })
    let ram = Set(host.ram.joined())
    try expect(dump, host, holds: ram.contains)
    #expect(
      dump.input.source.files.map(\.path.last) == [0, 1, 2, 3].map { "\((order.firstIndex(of: $0) ?? 9) + 1)".last })
  }

  /// Where the pages of later volumes belong, only the missing ones could say.
  @Test(arguments: [([1], 1000), ([2], 1000), ([3], 3001), ([1, 3], 1000), ([1, 2, 3], 1000)])
  func aMissingVolumeIsNamed(missing: [Int], pages: Int) throws {
    let host = try HostRecipe(Self.recipe).build()
    let files = host.sadump(.volumes([1000, 1000, 3001]))
    let dump = try open(files.indices.filter { !missing.contains($0) }.map { files[$0] })
    let held = Set(host.ram.joined().prefix(pages))
    try expect(dump, host, holds: held.contains)
    #expect(dump.summary.incomplete)
    let names = missing.map { "\($0 + 1)" }.joined(separator: ", ")
    #expect(dump.remarks.count == 1 && dump.remarks[0].isLoss)
    #expect(dump.remarks[0].text.hasPrefix("volume \(names) of the disk set is missing, which has 4: "))
    let lost = try #require(host.ram.joined().dropFirst(pages).first)
    #expect(dump.presence(lost) == .lost)
    #expect(try dump.entry(lost) == nil)
  }

  @Test func withoutTheFirstVolumeThereIsNoDump() throws {
    let host = try HostRecipe(Self.recipe).build()
    let files = host.sadump(.volumes([1000, 3001]))
    for rest in [[files[1]], [files[2], files[1]]] {
      let error = try refusal(rest)
      #expect(error.field == "set_disk_set" && error.expected.contains("volume 1 of the disk set"))
      #expect(error.found.hasPrefix("volumes 2") && error.found.hasSuffix("give it, too"))
    }
  }

  @Test(arguments: [3000, 20_000, 4096 * 2000 + 17, 4096 * 3500])
  func aCutPartitionGivesWhatIsThere(count: Int) throws {
    let host = try HostRecipe(Self.recipe).build()
    for form in [RecipeSadump.Form.partition, .medium] {
      let file = host.sadump(form)[0]
      let head = file.count - host.ram.reduce(0) { $0 + $1.count } * 4096
      // Of a medium nothing is known by.
      if form == .medium, count < 4104 { continue }
      guard count > head + 4096 else {
        let error = try refusal([Array(file.prefix(count))])
        #expect(["sadump_part_header", "dumpable_bitmap_blocks", "bitmap_blocks"].contains(error.field))
        continue
      }
      let dump = try open([Array(file.prefix(count))])
      let held = Set(host.ram.joined().prefix((count - head) / 4096))
      try expect(dump, host, holds: held.contains)
      #expect(
        dump.summary.incomplete && dump.remarks == [.cut(UInt64(count), "its pages go on", to: UInt64(file.count))])
    }
  }

  @Test func aCutVolumeLosesItsOwnPagesAlone() throws {
    let host = try HostRecipe(Self.recipe).build()
    var files = host.sadump(.volumes([1000, 3001]))
    files[1] = Array(files[1].prefix(4096 + 4096 * 500 + 100))
    let held = Set(host.ram.joined().enumerated().filter { $0.0 < 1500 || $0.0 >= 3001 }.map(\.1))
    let dump = try open(files)
    try expect(dump, host, holds: held.contains)
    #expect(dump.remarks.count == 1 && dump.remarks[0].isLoss)
  }

  /// The place of a little-endian word, and what is refused with it.
  private static let wrongWords: [(offset: Int, word: UInt32, field: String)] = [
    (4096, 0, "signature"), (4096 + 40, 8192, "block_size"), (4096 + 40, 0, "block_size"),
    (4096 + 52, 0, "bitmap_blocks"), (4096 + 52, .max, "bitmap_blocks"), (4096 + 56, 0, "dumpable_bitmap_blocks"),
    (4096 + 56, .max, "dumpable_bitmap_blocks"), (4096 + 48, .max, "bitmap_blocks"), (4096 + 88, 0, "max_mapnr_64"),
    (4096 + 88, 1 << 20, "bitmap_blocks"), (4096 + 92, 1 << 30, "max_mapnr_64"),
  ]

  @Test(arguments: wrongWords.indices) func aHeaderThatCannotBeIsRefused(index: Int) throws {
    let host = try HostRecipe(Self.recipe).build()
    let wrong = Self.wrongWords[index]
    for (form, more) in [(RecipeSadump.Form.partition, 0), (.medium, 4096), (.volumes([500]), 4096)] {
      var files = host.sadump(form)
      files[0].store(wrong.word, at: wrong.offset + more)
      #expect(try refusal(files).field == wrong.field, "\(form)")
    }
  }

  /// Of a disk set: file, place, word, and the field that is refused.
  @Test(
    arguments: [
      (0, 152, 3, "vol_id"), (1, 152, 0, "set_disk_set"), (1, 152, 1, "set_disk_set"), (1, 152, 4, "set_disk_set"),
      (1, 152, 17, "set_disk_set"), (2, 152, 2, "set_disk_set"), (1, 88, 7, "disk_set_id"), (1, 104, 7, "disk_set_id"),
      (2, 136, 7, "time_stamp"), (1, 120, 7, "vol_id"), (1, 160, 4095, "used_device"), (1, 160, 5000, "used_device"),
      (0, 4096, 0, "disk_set_header_size"), (0, 4096, .max, "disk_set_header_size"), (0, 4100, 0, "disk_num"),
      (0, 4100, 17, "disk_num"), (0, 4100, 2, "set_disk_set"),
    ] as [(Int, Int, UInt32, String)])
  func filesThatAreNoSetAreRefused(file: Int, offset: Int, word: UInt32, field: String) throws {
    let host = try HostRecipe(Self.recipe).build()
    var files = host.sadump(.volumes([300, 700]))
    files[file].store(word, at: offset)
    let error = try refusal(files)
    #expect(error.field == field || file == 0 && error.field == "set_disk_set", "\(error)")
  }

  @Test func otherFilesBesideASadumpAreRefused() throws {
    let host = try HostRecipe(Self.recipe).build()
    let (partition, set) = (host.sadump(.partition)[0], host.sadump(.volumes([300])))
    #expect(try refusal([set[0], partition]).found == "0, a dump of its own")
    #expect(try refusal([set[0], host.sadump(.medium)[0]]).found == "a medium, a dump of its own")
    #expect(try refusal([set[0], host.elf(.vmcore)]).found == "no partition header")
    #expect(throws: HostDumpError.severalDumps(count: 2)) { _ = try open([partition, set[0]]) }
    var medium = host.sadump(.medium)[0]
    medium[48] = 2
    #expect(try refusal([medium]).field == "sequential_num")
    medium[48] = 1
    medium[3] ^= 1
    #expect(try refusal([medium]).field == "sadump_id")
  }

  /// One wrong bit gives every page behind it another one's place.
  /// Of a medium nothing says whether its own header counts, and one page more or less may be that.
  @Test(arguments: forms) func bitmapsThatContradictAreRefused(form: RecipeSadump.Form) throws {
    let host = try HostRecipe(Self.recipe).build()
    let held = UInt64(host.ram.reduce(0) { $0 + $1.count })
    let plain = host.sadump(form)
    let headers = UInt64(plain.reduce(0) { $0 + $1.count }) - held * 4096
    var files = host.sadump(form) { $0.written = (headers + held * 4096) / 4096 }
    #expect(try open(files).remarks == [])
    // The bitmap of dumped pages is the last block but those of the pages.
    let bitmap =
      files[0].count - (files.count == 1 ? Int(held) * 4096 : (form == .volumes([1]) ? 1 : 1000) * 4096) - 4096
    for (byte, bit) in [(0x15, 0x80), (0x40, 0x01), (0x800 / 8, 0x10)] as [(Int, UInt8)]
    where form != .medium || byte == 0x15 {
      var damaged = files
      damaged[0][bitmap + byte] ^= bit
      let error = try refusal(damaged)
      #expect(error.field == "dumpable bitmap" && error.offset >= UInt64(bitmap))
    }
    // Where the header does not say how large the dump is, the difference is told.
    guard form != .medium else { return }
    files = plain
    files[0][bitmap + 0x40] ^= 1
    let dump = try open(files)
    #expect(dump.remarks.count == 1 && dump.remarks[0].isLoss && dump.remarks[0].text.hasPrefix("used_device is "))
  }

  @Test func oddHeadersAreTold() throws {
    let host = try HostRecipe(Self.recipe).build()
    var file = host.sadump(.partition)[0]
    file[4000] ^= 1
    file.store(UInt32(2), at: 4096 + 8)
    file.store(UInt32(9), at: 4096 + 44)
    let dump = try open([file])
    #expect(dump.remarks.count == 3 && dump.remarks.allSatisfy { !$0.isLoss })
    try expect(dump, host, holds: Set(host.ram.joined()).contains)
  }

  @Test func wrappedAndFlattenedOnesAreReadToo() throws {
    let host = try HostRecipe("host ram 16M seed 3\nno vmcoreinfo").build()
    let ram = Set(host.ram.joined())
    for form in [RecipeSadump.Form.partition, .medium] {
      let file = host.sadump(form)[0]
      let directory = try RecipeDirectory()
      for wrapper in RecipeWrapper.allCases {
        let path = try directory.write(wrapper.wrap(file), as: "file.\(wrapper)")
        #expect(try Unwrapper.holdsDump(InputFile(path: path)), "\(form) in \(wrapper)")
        let input = try Unwrapper(spooling: Spooling(), cancellation: Cancellation(), progress: .none)
          .open(path, mapped: true)
        try expect(try openWholeInput(ByteSource(input)), host, holds: ram.contains)
      }
      try expect(try open([RecipeFlattened.wrap(file, recordSize: 5000)]), host, holds: ram.contains)
    }
  }

  /// The same guests as from the ELF of the same host: neither has notes.
  @Test func eachFormSplitsAsItsELF() throws {
    let host = try HostRecipe(
      """
      host ram 64M
      no vmcoreinfo
      guest a ram 0-4M linux 6.1.0-a
      guest b ram 0-4M nolinux
      """
    ).build()
    let plain = try SplitRun(host, SplitRun.Options(input: { $0.elf(.vmcore, level: 0) }))
    for form in [RecipeSadump.Form.partition, .medium, .volumes([2000, 9000])] {
      let run = try SplitRun(
        host,
        SplitRun.Options(
          input: { $0.sadump(form).last ?? [] }, others: { Array($0.sadump(form).dropLast()) }))
      #expect(try run.files() == plain.files())
      for guest in host.guests { try run.expectExact(guest) }
      #expect(run.manifest.input.format == "sadump")
    }
  }
}
