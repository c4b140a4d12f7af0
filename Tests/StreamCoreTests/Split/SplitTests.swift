import HostRecipes
import Foundation
@testable import StreamCore
import Testing

/// Whole runs on generated hosts: what a recipe puts in must come out, and nothing else.
@Suite struct SplitTests {
  /// Two vCPUs whose APIC ids run against their addresses, RAM with a hole, and a guest beside it without Linux.
  static let twoGuests = """
    host ram 96M cpus 2 layout bochs-2.7 kernel 6.1 seed 7
    guest web ram 0-8M 4G-4G+2M backing 2M linux 6.1.0-test
      vcpu apic 1 vmcs 0x4b3a000
      vcpu apic 0 vmcs 0x4b3c000 halted
    guest db ram 0-4M backing 4K shuffled nolinux
      vcpu running
    """
  static let host: BuiltHost? = try? HostRecipe(twoGuests).build()

  private func run(_ options: SplitRun.Options) throws -> SplitRun {
    try SplitRun(try #require(Self.host), options)
  }

  @Test(arguments: PageCodec.allCases, ["kdump", "elf"])
  func guestsComeOutExactInEveryCodec(codec: PageCodec, format: String) throws {
    var options = SplitRun.Options(format: format)
    options.codec = format == "kdump" ? codec : nil
    options.input = { $0.kdump(RecipeCodec(rawValue: codec.kdumpFlags) ?? .lzo) }
    let run = try run(options)
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.guests { try run.expectExact(guest) }
  }

  @Test(arguments: [RecipeElf.Style.vmcore, .qemu, .makedumpfile])
  func elfInputsOfEveryProducerSplit(style: RecipeElf.Style) throws {
    let run = try run(SplitRun.Options(input: { $0.elf(style) }))
    for guest in run.host.guests { try run.expectExact(guest) }
    #expect(run.manifest.input.format == "elf")
    #expect(try run.entry(run.host.guests[0]).output?.codec == "lzo")
  }

  @Test func flattenedInputsSplitAsThePlainOnes() throws {
    let plain = try [run(SplitRun.Options()), run(SplitRun.Options(input: { $0.elf(.makedumpfile) }))]
    let flattened = try [
      run(SplitRun.Options(input: { RecipeFlattened.wrap($0.kdump(.lzo), recordSize: 5000) })),
      run(SplitRun.Options(input: { RecipeFlattened.wrap($0.elf(.makedumpfile)) })),
    ]
    for (plain, flattened) in zip(plain, flattened) {
      #expect(try plain.files() == flattened.files())
      #expect(flattened.manifest.input.files.map(\.name) == ["host.dump"])
      #expect(flattened.manifest.input.files[0].size > plain.manifest.input.files[0].size)
    }
  }

  @Test(arguments: RecipeWrapper.allCases)
  func wrappedInputsSplitAsThePlainOnes(wrapper: RecipeWrapper) throws {
    let host = try #require(Self.host)
    let plain = try run(SplitRun.Options())
    let wrapped = try wrapper.wrap(RecipeFlattened.wrap(host.kdump(.lzo)))
    let run = try run(SplitRun.Options(input: { _ in wrapped }))
    #expect(try run.files() == plain.files())
    #expect(run.manifest.input.files.map(\.name) == ["host.dump"])
    #expect(run.manifest.input.files.map(\.size) == [UInt64(wrapped.count)])
  }

  /// Parts that begin at any frame, one of them flattened, in any order.
  @Test func aSplitSetSplitsAsTheWhole() throws {
    let host = try #require(Self.host)
    let whole = try run(SplitRun.Options())
    for cut in [host.space.end / 2, 4096, 8191] {
      let parts = [0..<cut, cut..<cut, cut..<host.space.end].map { RecipeKdump(part: $0).bytes(of: host) }
      let given = [parts[2], parts[1], RecipeFlattened.wrap(parts[0])]
      let set = try run(SplitRun.Options(input: { _ in given[0] }, others: { _ in Array(given[1...]) }))
      #expect(try set.files() == whole.files())
      #expect(set.manifest.exitStatus == whole.manifest.exitStatus)
      #expect(set.manifest.input.files.map(\.name) == ["host.dump-3", "host.dump-2", "host.dump"])
      #expect(set.manifest.input.storedPages == whole.manifest.input.storedPages)
    }
  }

  @Test func whatAMissingPartHasIsMissingInTheGuests() throws {
    let host = try #require(Self.host)
    let frames = host.guests[0].ranges.joined().compactMap(host.guests[0].backing.frame)
    let first = try #require(frames.min())
    let missing = first..<first + 32
    let parts = [0..<missing.lowerBound, missing.upperBound..<host.space.end].map {
      RecipeKdump(part: $0).bytes(of: host)
    }
    let run = try run(SplitRun.Options(input: { _ in parts[0] }, others: { _ in [parts[1]] }))
    #expect(run.manifest.exitStatus == .incomplete)
    let text = "no file has the pages of frames \(hex(missing.lowerBound)) to \(hex(missing.upperBound - 1))"
    #expect(run.manifest.warnings.contains { $0.code == .incomplete && $0.text.contains(text) })
    let lost = run.manifest.guests.reduce(0) { $0 + ($1.pages.absent["lost"] ?? 0) }
    #expect(lost > 0 && lost <= 32)
  }

  @Test(arguments: 1...6)
  func everyHeaderVersionSplits(version: Int) throws {
    let run = try run(SplitRun.Options(input: { $0.kdump(.zlib, version: UInt32(version)) }))
    for guest in run.host.guests { try run.expectExact(guest) }
    #expect(run.manifest.input.headerVersion == version)
  }

  @Test(arguments: [PageCodec?.none, .zstd], ["kdump", "elf"])
  func threadsLeaveNoTraceInTheOutput(codec: PageCodec?, format: String) throws {
    var options = SplitRun.Options(format: format)
    options.codec = format == "kdump" ? codec : nil
    options.threads = 1
    let one = try run(options)
    options.threads = 8
    let eight = try run(options)
    #expect(try one.files() == eight.files())
    for stage in ["scan_workers", "map_workers", "extract_workers"] {
      #expect(one.manifest.counters[stage] == 1, "\(stage)")
      #expect(try #require(eight.manifest.counters[stage]) > 1, "\(stage)")
    }
    #expect(try #require(eight.manifest.counters["map_workers_guest-1"]) > 1)
  }

  @Test func aHoleInRAMStaysAHole() throws {
    for format in ["kdump", "elf"] {
      let run = try run(SplitRun.Options(format: format))
      let web = try #require(run.host.guest("web"))
      let pages = try run.pages(web)
      #expect(!pages.keys.contains { $0 >= 8 << 8 && $0 < 4 << 18 })
      #expect(pages.keys.contains { $0 >= 4 << 18 })
      let ranges = try run.entry(web).ram
      #expect(ranges.contains { $0.start.value == 4 << 30 })
      #expect(!ranges.contains { $0.start.value < 4 << 30 && $0.end.value > 8 << 20 })
    }
  }

  @Test func vCPUsComeInTheOrderOfTheirAPICIds() throws {
    let run = try run(SplitRun.Options())
    let entry = try run.entry(try #require(run.host.guest("web")))
    #expect(entry.vcpus.map(\.apicId) == [0, 1])
    #expect(entry.vcpus.map { $0.vmcs?.value } == [0x4b3c000, 0x4b3a000])
    #expect(entry.vcpus.map(\.mpState) == ["HALTED", "RUNNABLE"])
  }

  @Test func aGuestWithoutLinuxIsWrittenAndAWarningSaysWhoOpensIt() throws {
    let run = try run(SplitRun.Options())
    let name = try run.entry(try #require(run.host.guest("db"))).name
    let warning = run.manifest.warnings.first { $0.code == .no_identity }
    #expect(try #require(warning).text.hasPrefix(name + ":"))
    #expect(try run.entry(try #require(run.host.guest("web"))).osrelease == "6.1.0-test")
  }

  @Test func onlyTheGuestAskedForIsWritten() throws {
    let run = try run(SplitRun.Options(guests: ["2"]))
    #expect(try run.files().keys.sorted() == ["guest-2.kdump"])
    #expect(throws: Failure.noSuchGuest(wanted: "9", known: ["guest-1", "guest-2"])) {
      try self.run(SplitRun.Options(guests: ["9"]))
    }
  }

  @Test func verifyingChangesNoByte() throws {
    let plain = try run(SplitRun.Options())
    let verified = try run(SplitRun.Options(verifies: true))
    #expect(try plain.files() == verified.files())
    #expect(plain.manifest.guests.map(\.checked) == ["descriptors", "descriptors"])
    #expect(verified.manifest.guests.map(\.checked) == ["pages", "pages"])
    // A raw page has no stream that could be damaged: into ELF everything has been read.
    let elf = try run(SplitRun.Options(format: "elf"))
    #expect(elf.manifest.guests.map(\.checked) == ["pages", "pages"])
  }

  @Test(arguments: ["kdump", "elf"])
  func aFirstVCPUWithoutTheKernelInItsCR3IsWarnedOfWhereItMatters(format: String) throws {
    let run = try SplitRun(
      """
      host ram 64M
      guest a ram 0-4M linux 6.1.0-a
        vcpu apic 0 never-run
        vcpu apic 1 halted
      """, SplitRun.Options(format: format))
    #expect(run.manifest.warnings.contains { $0.code == .first_cr3 } == (format == "kdump"))
    #expect(run.manifest.guests.first?.osrelease == "6.1.0-a")
  }

  @Test func nothingOfAnotherTenantReachesADump() throws {
    let run = try run(SplitRun.Options(codec: .raw))
    for guest in run.host.guests {
      // Some pages are alike in all guests, an empty page table or a stack: those are the guest's own, too.
      let own = Set(guest.ranges.joined().compactMap { guest.page($0) })
      let foreign = Set(
        run.host.guests.filter { $0.name != guest.name }.flatMap { other in
          other.ranges.joined().compactMap { other.page($0) }
        }
      ).subtracting(own)
      #expect(try run.pages(guest).values.allSatisfy { !foreign.contains($0) })
    }
  }
}
