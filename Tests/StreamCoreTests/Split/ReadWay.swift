import Glibc
import HostRecipes
import Synchronization
import Testing

@testable import StreamCore

/// Fails one read of all, by its number; counts them all.
final class FailingRead: ReadFaults {
  private let count = Atomic<Int>(0)
  private let fails: Int

  init(at read: Int) { fails = read }

  var reads: Int { count.load(ordering: .relaxed) }

  func next() -> Int32? { count.wrappingAdd(1, ordering: .relaxed).oldValue == fails ? EIO : nil }
}

/// A way through the program on which something is read that the others do not read: a host, and what is asked of it.
/// The dump's file is not mapped, so that every look at it is a read.
struct ReadWay: Sendable, CustomTestStringConvertible {
  enum Request: Sendable { case list, page, split }

  let testDescription: String
  let recipe: String
  var isELF = false
  var isPlain = false
  /// The host's kernel is not asked: a search for its symbols reads most of a small host.
  var isByContent = true
  var codec = RecipeCodec.lzo
  var request = Request.split
  /// Extents of one window.
  var extents: Int?
  /// A field that the layout has no place for.
  var lacks: String?
  /// How many of its reads are made to fail.
  var samples = 48
  /// What the run ends with when nothing fails.
  var status = Status.complete

  func write(to directory: RecipeDirectory) throws -> String {
    let host = try HostRecipe(recipe).build()
    return try directory.write(isELF ? host.elf() : host.kdump(codec), as: "host")
  }

  /// - Returns: the status, where the run came to a manifest or printed what it was asked for.
  func run(_ path: String, _ faults: FailingRead, to output: String) throws -> Status {
    let workers = Workers(count: 1)
    var memory = MemoryBudget()
    if let extents { memory.extents = extents }
    let purpose: Inspection.Purpose =
      switch request {
      case .list: .list
      case .page: .page
      case .split: .split
      }
    var options = Inspection.Options(purpose, memory: memory, layout: try layout(), workers: workers)
    options.isPlain = isPlain
    options.isByContent = isByContent
    let source = ByteSource(try InputFile(path: path, mapped: false, faults: faults))
    let inspection = try Failure.from { try Inspection.run(source, options) }
    switch request {
    case .list: return inspection.manifest().exitStatus
    case .page:
      try inspection.forEachPage(from: GPA(rawValue: 0x10_0000), count: 8, of: "1") { _, _ in true }
      return .complete
    case .split:
      let split = Split(
        inspection: inspection, directory: output, format: guestDumpFormats[0], codec: .zlib, memory: memory)
      let manifest = try split.run(workers, .none)
      if extents != nil { #expect(manifest.counters["extract_windows", default: 0] > 2) }
      return manifest.exitStatus
    }
  }

  private func layout() throws -> Layout? {
    guard let lacks else { return nil }
    let whole = try #require(LayoutCatalogue.all.compactMap(\.layout).first { $0.id == "bochs-2.7" })
    let lines = whole.text.split(separator: "\n").filter { !$0.hasPrefix(lacks) }
    return try Layout(parsing: lines.joined(separator: "\n"))
  }
}

extension ReadWay {
  /// No Linux, so that few pages differ from zero.
  static let small = """
    host ram 64M
    guest a ram 0-4M backing 4K nolinux
      vcpu halted
      vcpu never-run
    """

  static let all = [
    ReadWay(testDescription: "kdump", recipe: small), ReadWay(testDescription: "plain", recipe: small, isPlain: true),
    ReadWay(testDescription: "ELF", recipe: small, isELF: true),
    ReadWay(testDescription: "list", recipe: small, request: .list),
    ReadWay(testDescription: "page", recipe: small, request: .page),
    ReadWay(testDescription: "identity search", recipe: "host ram 64M\nguest a ram 0-4M linux 6.1.0-a"),
    ReadWay(
      testDescription: "pointer scan", recipe: "host ram 16M\nguest a ram 0-2M nolinux", request: .list,
      lacks: "VM_ENTRY_MSR_LOAD_ADDR", samples: 16),
    ReadWay(
      testDescription: "signs of VMX",
      recipe: "host ram 16M unknown-layout 0x5a5a51\nno vmcoreinfo\nguest a ram 0-2M nolinux",
      request: .list, status: .unusableInput),
    ReadWay(
      testDescription: "the kernel's word", recipe: "host ram 48M symbols types\nguest a ram 0-4M linux 6.1.0-a",
      isByContent: false),
    ReadWay(
      testDescription: "the kernel's symbols by content",
      recipe: "host ram 48M symbols content types\nguest a ram 0-2M nolinux", isByContent: false, request: .list,
      samples: 16),
    ReadWay(
      testDescription: "windows", recipe: "host ram 16M\nguest a ram 0-2M backing 4K shuffled nolinux", extents: 60),
  ]
}
