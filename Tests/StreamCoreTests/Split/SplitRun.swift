import HostRecipes
import Foundation
@testable import StreamCore
import Testing

/// One run of the whole way on a generated host: the recipe's dump in, guests' dumps out, read back by readers of the
/// tests' own.
struct SplitRun {
  let host: BuiltHost
  let inspection: Inspection
  let manifest: Manifest
  private let directory: RecipeDirectory
  var output: URL { directory.path.appending(path: "out") }

  /// What goes in and how.
  struct Options {
    var input: (BuiltHost) -> [UInt8] = { $0.kdump(.lzo) }
    /// What is given besides: other parts of a split set.
    var others: (BuiltHost) -> [[UInt8]] = { _ in [] }
    var format = "kdump"
    var codec: PageCodec?
    var threads = 2
    var guests: [String] = []
    var verifies = false
    var checksums = false
    var memory = MemoryBudget()
    var isPlain = false
    var scans = false
    var isByContent = false
    var usesShapes = true
    /// As `--layout` and `--vmcsinfo` give them.
    var layout: Layout?
    var vmcsinfo: VMCSInfo?
    /// As `--ranges` gives it: the table's text.
    var ranges: String?
    /// As `--symbols` gives them.
    var symbols = SymbolFiles.none
  }

  init(_ recipe: String, _ options: Options = Options()) throws {
    try self.init(try HostRecipe(recipe).build(), options)
  }

  init(_ host: BuiltHost, _ options: Options = Options()) throws {
    self.host = host
    let directory = try RecipeDirectory()
    self.directory = directory
    let first = try directory.write(options.input(host), as: "host.dump")
    let others = try options.others(host).enumerated().map { try directory.write($1, as: "host.dump-\($0 + 2)") }
    let workers = Workers(count: options.threads)
    var inspecting = Inspection.Options(
      .split, memory: options.memory, layout: options.layout, vmcsinfo: options.vmcsinfo, workers: workers)
    inspecting.isPlain = options.isPlain
    inspecting.scans = options.scans
    inspecting.isByContent = options.isByContent
    inspecting.usesShapes = options.usesShapes
    inspecting.symbols = options.symbols
    inspecting.ranges = try options.ranges.map { text in
      try RangeTable(file: directory.write(Array(text.utf8), as: "ranges"))
    }
    inspection = try Inspection.run(paths: [first] + others, inspecting)
    let format = try #require(guestDumpFormats.first { $0.name == options.format })
    let split = Split(
      inspection: inspection, directory: directory.path.appending(path: "out").path, guests: options.guests,
      format: format, codec: options.codec, verifies: options.verifies, checksums: options.checksums,
      memory: options.memory)
    manifest = try split.run(workers, Progress.none)
    try ManifestSchema.expect(manifest)
  }

  /// The manifest's entry for a guest of the recipe, known by its lowest VMCS.
  func entry(_ guest: BuiltGuest) throws -> Manifest.Guest {
    let addresses = Set(guest.vcpus.map(\.vmcs))
    return try #require(
      manifest.guests.first { entry in entry.vcpus.contains { $0.vmcs.map { addresses.contains($0.value) } ?? false } },
      "no guest \(guest.name) in the manifest")
  }

  func bytes(_ guest: BuiltGuest) throws -> [UInt8] {
    let output = try #require(try entry(guest).output, "\(guest.name) was not written")
    return [UInt8](try Data(contentsOf: self.output.appending(path: output.file)))
  }

  /// All files of the output directory but the manifest, by name.
  func files() throws -> [String: [UInt8]] {
    let names = try FileManager.default.contentsOfDirectory(atPath: output.path).filter { $0 != "manifest.json" }
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, [UInt8](try Data(contentsOf: output.appending(path: $0)))) })
  }

  /// The pages of a guest's dump, by guest frame, whatever its format.
  func pages(_ guest: BuiltGuest) throws -> [UInt64: [UInt8]] {
    let bytes = try bytes(guest)
    guard bytes.starts(with: [0x7f, 0x45]) else { return RecipeReaders.kdump(bytes).pages }
    var pages: [UInt64: [UInt8]] = [:]
    for load in RecipeReaders.elf(bytes).loads where load.virtual < 0xffff_ffff_8000_0000 {
      for page in 0..<load.stored / 4096 {
        let at = Int(load.offset + page * 4096)
        pages[load.physical / 4096 + page] = Array(bytes[at..<at + 4096])
      }
    }
    return pages
  }

  /// Expects that a guest's dump is the truth: its pages, and every register.
  func expectExact(_ guest: BuiltGuest, _ location: SourceLocation = #_sourceLocation) throws {
    try expectMemory(guest, location)
    try expectRegisters(guest, location)
  }

  /// Expects that a guest's dump holds exactly the pages that the guest has and the host dump too, byte for byte: where
  /// its slots are known all of them, else those that its EPT maps and those that its VMM shows between them.
  func expectMemory(_ guest: BuiltGuest, _ location: SourceLocation = #_sourceLocation) throws {
    let pages = try pages(guest)
    var missing: [UInt64] = []
    var differing: [UInt64] = []
    var wanted: Set<UInt64> = []
    let entry = try entry(guest)
    let hasSlots = entry.slots != nil
    let shown = JoinedTruth(guest, among: host)
    for gfn in guest.ranges.joined() {
      let status = guest.status(gfn)
      let isWanted =
        switch status {
        case .mapped: true
        case .hvaOnly, .zeroPage: hasSlots || shown.has(gfn)
        case .cached, .zswapped: hasSlots
        default: false
        }
      guard isWanted else { continue }
      wanted.insert(gfn)
      guard let page = pages[gfn] else {
        missing.append(gfn)
        continue
      }
      if page != guest.page(gfn) { differing.append(gfn) }
    }
    let extra = pages.keys.filter { !wanted.contains($0) }.sorted()
    #expect(missing == [], "\(guest.name): missing", sourceLocation: location)
    #expect(differing == [], "\(guest.name): differing", sourceLocation: location)
    #expect(extra == [], "\(guest.name): extra", sourceLocation: location)
    #expect(!wanted.isEmpty, "\(guest.name): nothing is mapped", sourceLocation: location)
    if hasSlots {
      try expectCounts(guest, location)
    } else {
      #expect(entry.pages.join == shown.count, "\(guest.name): by the join", sourceLocation: location)
    }
  }

  /// What stands where only types, and for some MSRs a symbol of kvm's, tell.
  private var typedRegisters: Set<String> {
    let all: Set = ["dr0", "dr1", "dr2", "dr3", "dr6", "xcr0", "xss", "star", "lstar", "cstar", "fmask", "tsc_aux"]
    // A VMCB has these.
    return host.shape.isAMD ? all.subtracting(["dr6", "star", "lstar", "cstar", "fmask"]) : all
  }

  private func tells(_ register: String) -> Bool {
    let isMSR = ["star", "lstar", "cstar", "fmask", "tsc_aux"].contains(register)
    return manifest.discovery?.way != "content" && (!isMSR || host.shape.hasReturnList || host.shape.isAMD)
  }

  /// Expects that each page of the slots is counted as what it is.
  private func expectCounts(_ guest: BuiltGuest, _ location: SourceLocation) throws {
    let pages = try entry(guest).pages
    let count = { (status: BuiltGuest.Status) in
      UInt64(guest.ranges.joined().count { guest.status($0) == status })
    }
    let filtered = guest.ranges.joined().filter { guest.status($0) == .filtered }
    let filteredByHVA = UInt64(filtered.count { guest.image.has($0, .hvaOnly, .protNone, .migrating, .swapCached) })
    #expect(pages.ept == count(.mapped) + UInt64(filtered.count) - filteredByHVA, sourceLocation: location)
    #expect(pages.slots == count(.hvaOnly) + count(.zeroPage) + filteredByHVA, sourceLocation: location)
    var absent: UInt64 = 0
    for (status, name) in [
      (.swapped, "swapped"), (.hwpoison, "hwpoison"), (.devicePrivate, "device_private"), (.userfault, "userfault"),
    ] as [(BuiltGuest.Status, String)] {
      #expect(pages.absent[name] ?? 0 == count(status), "\(name)", sourceLocation: location)
      absent += count(status)
    }
    #expect(pages.pageCache == count(.cached), sourceLocation: location)
    #expect(pages.untouched == count(.untouched), sourceLocation: location)
    #expect(pages.zswap ?? 0 == count(.zswapped), sourceLocation: location)
    let there = (pages.ept ?? 0) + (pages.slots ?? 0) + (pages.pageCache ?? 0) + (pages.zswap ?? 0)
    #expect(pages.known == there + absent, sourceLocation: location)
  }

  /// Expects every register of every vCPU, in the order of the APIC ids.
  func expectRegisters(_ guest: BuiltGuest, _ location: SourceLocation = #_sourceLocation) throws {
    let entry = try entry(guest)
    #expect(entry.vcpus.map(\.apicId) == guest.orderedVCPUs.map(\.apicID), sourceLocation: location)
    for (found, truth) in zip(entry.vcpus, guest.orderedVCPUs) where truth.state != .neverRun {
      for (name, value) in truth.registers.values {
        // What a layout has no place for is unknown, never invented.
        if name == "pat", host.layout.fields["GUEST_IA32_PAT"] == nil {
          #expect(found.unknown.contains("pat"), sourceLocation: location)
          continue
        }
        // Where it stands is known of the kernels that were measured, and of those that say it.
        if name == "kernel_gs_base", manifest.discovery?.way == "content", !host.shape.isMeasured,
          !host.shape.isAMD
        {
          #expect(found.unknown.contains(name), sourceLocation: location)
          continue
        }
        if typedRegisters.contains(name), !tells(name) {
          #expect(found.unknown.contains(name) && found.reasons?[name] != nil, "\(name)", sourceLocation: location)
          continue
        }
        let register = found.registers[name]?.value.value
        #expect(register == value, "\(guest.name) vCPU \(found.index) \(name)", sourceLocation: location)
      }
      for (name, segment) in truth.registers.segments {
        let register = try #require(found.registers[name], "\(name)", sourceLocation: location)
        #expect(register.value.value == UInt64(segment.selector), "\(name)", sourceLocation: location)
        #expect(register.base?.value == segment.base, "\(name)", sourceLocation: location)
        #expect(register.limit?.value == UInt64(segment.limit), "\(name)", sourceLocation: location)
        #expect(register.accessRights?.value == UInt64(segment.accessRights), "\(name)", sourceLocation: location)
      }
    }
  }
}
