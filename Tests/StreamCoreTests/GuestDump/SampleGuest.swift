import HostModel
import HostRecipes
import Foundation
import Glibc
@testable import StreamCore

/// A small guest with memory of all kinds: what a writer is fed, and what must be read back.
struct SampleGuest {
  var image: GuestImage
  /// What the dump must hold.
  var pages: [UInt64: [UInt8]] = [:]
  /// All of it, in no order of guest frames.
  var batch = SampleBatch()

  static let text = Array("OSRELEASE=6.1.192\nPAGESIZE=4096\nNUMBER(phys_base)=-4194304\n".utf8)
  static let utsname = UTSName(
    sysname: "Linux", nodename: String(repeating: "n", count: 70), release: "6.1.192", version: "#1 SMP",
    machine: "x86_64", domainname: "(none)")

  /// Frames `known` of which those that `isPresent` are in the dump: three in ten zero, one in ten with the bytes of an
  /// earlier one.
  init(
    known: [Range<UInt64>] = [0..<160, 300..<420, 40_000..<40_040], codec: RecipeCodec, vcpus: Int = 2,
    seed: UInt64 = 7,
    isPresent: (UInt64) -> Bool = { $0 % 11 != 3 }
  ) {
    var random = SplitMix64(seed: seed)
    var frames = FrameBitmap()
    var present = FrameBitmap()
    for range in known {
      frames.insert(range)
      for frame in range where isPresent(frame) { present.insert(frame) }
    }
    frames.freeze()
    present.freeze()
    var order = present.runs.flatMap { Array($0) }
    for index in order.indices.reversed() where index > 0 { order.swapAt(index, Int(random.below(UInt64(index + 1)))) }
    var shared: (content: OutputPage.Content, page: [UInt8])?
    for frame in order {
      var content = OutputPage.Content.zero
      var page = [UInt8](repeating: 0, count: 4096)
      switch random.below(10) {
      case 0..<3: break
      case 3:
        if let shared { (content, page) = shared }
      default:
        for index in 0..<Int(random.below(4096)) { page[index] = UInt8(truncatingIfNeeded: random.next()) }
        page[0] = 1
        let compressed = RecipeBytes.compress(page, codec)
        let stored = compressed ?? page
        let codec = compressed == nil ? .raw : PageCodec(kdumpFlags: codec.rawValue) ?? .raw
        content = .stored(start: batch.payload.count, count: stored.count, codec: codec)
        batch.payload += stored
        shared = (content, page)
      }
      batch.pages.append(OutputPage(guestFrame: frame, content: content))
      pages[frame] = page
    }
    image = GuestImage(
      vcpus: (0..<vcpus).map { Self.registers($0) }, vmcoreinfo: Self.text, utsname: Self.utsname, physBase: -4_194_304,
      known: frames, present: present, codec: PageCodec(kdumpFlags: codec.rawValue) ?? .raw)
  }

  /// A guest of these frames alone.
  static func image(_ frames: some Sequence<UInt64>) -> GuestImage {
    var present = FrameBitmap()
    for frame in frames { present.insert(frame) }
    present.freeze()
    return GuestImage(
      vcpus: [RegisterState()], vmcoreinfo: text, utsname: utsname, physBase: 0, known: present, present: present,
      codec: .raw)
  }

  static func registers(_ index: Int) -> RegisterState {
    var state = RegisterState()
    for (place, register) in Register.allCases.enumerated() {
      state.registers[register] = Sourced(UInt64(0x1000 * (index + 1) + place), .vmcs)
    }
    return state
  }

  /// The same pages and bytes in batches of `count` pages or a few more: pages that share bytes stay together.
  func pieces(of count: Int) -> [SampleBatch] {
    // The lowest byte that a page, or any after it, names.
    var lowest = [batch.payload.count]
    for page in batch.pages.reversed() { lowest.append(min(page.bytes?.lowerBound ?? .max, lowest[lowest.count - 1])) }
    lowest.reverse()
    var result: [SampleBatch] = []
    var piece = SampleBatch()
    var sent = 0
    for (index, page) in batch.pages.enumerated() {
      let seen = sent + piece.payload.count
      if piece.pages.count >= count, lowest[index] >= seen {
        result.append(piece)
        piece = SampleBatch()
        sent = seen
      }
      var page = page
      if case .stored(let start, let size, let codec) = page.content {
        if start + size > seen { piece.payload += batch.payload[seen..<start + size] }
        page.content = .stored(start: start - sent, count: size, codec: codec)
      }
      piece.pages.append(page)
    }
    return result + [piece]
  }
}

extension OutputPage {
  /// The range of the payload that the page names.
  fileprivate var bytes: Range<Int>? {
    if case .stored(let start, let count, _) = content { start..<start + count } else { nil }
  }
}

/// What the system says of a file.
struct FileStatus {
  var mode: UInt32
  /// Bytes that take room on the disk.
  var allocated: UInt64

  init?(_ path: String) {
    var status = stat()
    // Safe: the string ends in NUL, and `status` is ours.
    guard unsafe stat(path, &status) == 0 else { return nil }
    mode = status.st_mode & 0o7777
    allocated = UInt64(status.st_blocks) * 512
  }
}

/// A directory for a test's outputs, removed when the last reference goes.
final class ScratchDirectory: Sendable {
  let path: URL

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "outputs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: path) }

  func file(_ name: String) -> String { path.appending(path: name).path }

  /// Names of all files, hidden ones too.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []).sorted() }
}
