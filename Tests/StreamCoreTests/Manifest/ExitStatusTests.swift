import Testing

@testable import StreamCore

/// Swift Testing has an ExitStatus of its own.
typealias Status = StreamCore.ExitStatus

/// The design's table of exit statuses, and what leads to each. Source: Documentation/design.md §6.
@Suite struct ExitStatusTests {
  private static let system = SystemError(call: "open", path: "a", code: 2)

  @Test(
    arguments: [
      (Status.complete, 0), (.incomplete, 1), (.wrongUsage, 64), (.unusableInput, 65), (.cannotOpen, 66),
      (.noGuest, 69), (.defect, 70), (.cannotCreate, 73), (.ioFailed, 74), (.interrupted(signal: 1), 129),
      (.interrupted(signal: 2), 130), (.interrupted(signal: 15), 143),
    ] as [(Status, Int32)])
  func everyStatusHasTheDesignsNumber(status: Status, code: Int32) {
    #expect(status.code == code)
  }

  @Test(
    arguments: [
      (Failure.input(.system(system)), Status.cannotOpen),
      (.input(.unsupported(file: "a", format: "b", remedy: "c")), .unusableInput),
      (.input(.unknown(file: "a", found: "b")), .unusableInput),
      (
        .input(.format(FormatError(file: "a", offset: 0, field: "b", expected: "c", found: "d"))), .unusableInput
      ),
      (.noLayout(revisionIDs: [1], detail: ""), .unusableInput),
      (.unsupportedHost(what: "a", remedy: "b"), .unusableInput),
      (.noGuest(trace: nil, unread: []), .noGuest), (.noGuest(trace: nil, unread: ["a"]), .unusableInput),
      (.ofDump(.noGuest(trace: nil, unread: []), noticed: ["a"]), .noGuest),
      (.nothingStored(pages: 1, lost: 0, dumpLevel: 31), .unusableInput),
      (.noSuchGuest(wanted: "a", known: []), .wrongUsage),
      (.noSuchLayout(wanted: "a", known: []), .wrongUsage),
      (.badLayout(path: "a", why: "b"), .wrongUsage),
      (.badVMCSInfo(path: "a", why: "b"), .wrongUsage),
      (.badAddress(guest: "a", address: GPA(rawValue: 0), why: "b"), .incomplete),
      (.noLog(of: "a", why: "b"), .incomplete),
      (.severalDumps(count: 2), .wrongUsage), (.outputIsInput(path: "a"), .cannotCreate),
      (.directoryInUse(path: "a"), .cannotCreate),
      (.cannotCreate(system), .cannotCreate),
      (.exists(path: "a"), .cannotCreate),
      (.io(system), .ioFailed),
      (.output("a"), .ioFailed),
      (.cancelled, .interrupted(signal: 2)),
    ] as [(Failure, Status)])
  func everyFailureHasItsStatus(failure: Failure, status: Status) {
    #expect(failure.exitStatus(signal: 2) == status)
  }

  @Test(
    arguments: [
      (OutputError.cannotCreate(system), Failure.cannotCreate(system)),
      (OutputError.exists(path: "a"), .exists(path: "a")),
      (OutputError.isInput(path: "a"), .outputIsInput(path: "a")),
      (OutputError.inUse(path: "a"), .directoryInUse(path: "a")),
      (OutputError.system(system), .io(system)), (GuestDumpError.cannotCreate(system), .cannotCreate(system)),
      (GuestDumpError.system(system), .io(system)),
      (GuestDumpError.noPages(path: "a"), .output("a: no page to write, an ELF core needs at least one")),
      (HostDumpError.system(system), .input(.system(system))),
      (HostWithoutGuests.noSign(trace: nil, unread: []), .noGuest(trace: nil, unread: [])),
      (system, .io(system)),
      (
        TooManyGuests(count: 600_000),
        .unsupportedHost(what: "this host has 600000 guests", remedy: "only hosts of up to 524288 can be read so far")
      ),
      (Cancelled(), .cancelled), (LayoutInputError.unreadable(system), .input(.system(system))),
      (
        LayoutInputError.noLayout(path: "a", .missing(header: "id")),
        .badLayout(path: "a", why: #"the header line "id" is missing"#)
      ),
      (SymbolFileError.unreadable(system), .input(.system(system))),
      (SymbolFileError.refused(path: "a", why: "b"), .badSymbols(path: "a", why: "b")),
    ] as [(any Error, Failure)])
  func everyRoomsErrorComesToItsFailure(error: any Error, failure: Failure) {
    #expect(Failure(error) == failure)
  }

  /// A reader of the design learns every reason for status 1 from its row.
  @Test func theDesignNamesEveryWarningThatMeansLoss() throws {
    let design = try Checkout.text(of: "Documentation/design.md")
    let row = try #require(design.split(separator: "\n").first { $0.hasPrefix("| 1 |") })
    let named = Set(row.matches(of: /`(\w+)`/).map { String($0.1) })
    #expect(named == Set(WarningCode.allCases.filter(\.isLoss).map(\.rawValue)))
  }

  @Test func aDefectIsNoFailure() {
    #expect(Failure(GuestDumpError.defect(path: "a", .missing(frame: 1))) == nil)
    struct Stranger: Error {}
    #expect(Failure(Stranger()) == nil)
  }

  /// Every code of a warning, and whether it means loss: a new one must be put here.
  private static let losses: [WarningCode: Bool] = [
    .by_content: false, .lost_kernel_pages: true, .lost_slots: true, .lost_vm: true, .map_differs: false,
    .no_vcpu: false, .vm_list: true,
    .bad_pages: true, .damaged_input: true, .first_cr3: false, .forged: true, .incomplete: true, .input: false,
    .layout_refused: false, .map_incomplete: true, .map_too_large: true, .no_identity: false, .no_vmcoreinfo: false,
    .no_vmcs: true, .not_counted: false, .not_written: true, .other_vmcoreinfo: false, .unknown_registers: true,
    .unknown_layout: true, .unseen_vm: true,
    .vmcsinfo: false, .vmx_abort: false, .symbols: false, .ways_differ: false, .encrypted: true, .unknown_slots: false,
    .zswap_unread: false,
  ]

  @Test(arguments: WarningCode.allCases)
  func aWarningThatMeansLossEndsWithOne(code: WarningCode) throws {
    let isLoss = Self.losses[code]
    var manifest = Manifest(
      tool: .init(name: "a", version: "b"),
      input: .init(files: [], format: "elf", codecs: ["raw"], frames: 1, storedPages: 1))
    #expect(manifest.exitStatus == .complete)
    manifest.warnings = [.init(code: code, text: "text")]
    #expect(isLoss == code.isLoss)
    #expect(manifest.exitStatus.code == (isLoss == true ? 1 : 0))
  }
}
