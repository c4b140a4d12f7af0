/// What a dump says of a frame without its bytes being read.
enum Presence: Sendable, Equatable {
  /// The file holds the page.
  case stored
  /// Known RAM, left out by the writer (kdump: first bitmap set, second clear).
  case filtered
  /// Inside a PT_LOAD's memory, but not in the file: zero or filtered, an ELF core cannot tell.
  case notStored
  /// No RAM that the dump knows.
  case unknown
}

/// Where the bytes of one frame lie.
struct StoredPage: Sendable, Equatable {
  var frame: UInt64
  /// Bytes from the start of the file.
  var offset: UInt64
  /// Bytes stored: 4096 when raw, less when compressed.
  var size: UInt32
  /// Index among the files of the dump's byte source.
  var file: UInt16
  var codec: PageCodec

  init(frame: UInt64, file: UInt16 = 0, offset: UInt64, size: UInt32, codec: PageCodec) {
    self.frame = frame
    self.file = file
    self.offset = offset
    self.size = size
    self.codec = codec
  }

  /// Whether another frame's bytes are the very same ones.
  @inline(__always)
  func sharesBytes(with other: StoredPage) -> Bool {
    offset == other.offset && size == other.size && file == other.file && codec == other.codec
  }
}

/// A page whose stored bytes cannot be used: the one name of this fault on its way from the dump to the manifest.
struct PageFault: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// The descriptor or the data are damaged.
    case bad
    /// The writer never got to it: the dump is incomplete.
    case lost
  }

  var kind: Kind
  var frame: UInt64
  /// Bytes from the start of the file, of the descriptor or of the data at fault.
  var offset: UInt64
  /// In few words, for the manifest.
  var reason: String

  init(_ kind: Kind, frame: UInt64, offset: UInt64, reason: String) {
    self.kind = kind
    self.frame = frame
    self.offset = offset
    self.reason = reason
  }
}

/// One frame of a dump: where its bytes lie, or why they cannot be used.
enum StoredEntry: Sendable, Equatable {
  case page(StoredPage)
  case fault(PageFault)
}

/// A note of an ELF note segment. Source: elf(5), Elf64_Nhdr.
struct Note: Sendable, Equatable {
  var name: String
  var type: UInt32
  var descriptor: [UInt8]

  init(name: String, type: UInt32, descriptor: [UInt8]) {
    self.name = name
    self.type = type
    self.descriptor = descriptor
  }
}

/// What the manifest and `list` say of the input.
struct HostDumpSummary: Sendable, Equatable {
  /// "kdump-compressed" or "elf".
  var format: String
  var headerVersion: Int?
  /// The codec that the header names; single pages may differ. `raw` in a format that knows no codecs.
  var codec: PageCodec
  var hasCodec = true
  /// makedumpfile's `-d` level, where the format records it.
  var dumpLevel: Int?
  /// One past the highest frame that the dump describes.
  var frames: UInt64
  var storedPages: UInt64
  /// The writer ran out of space: the tail is missing.
  var incomplete: Bool
}

enum HostDumpLimits {
  /// Frames in one stretch at most: what a worker of the head scan takes at once.
  static let stretch: UInt64 = 4096
}

/// A host dump, whatever its format: which frames it holds and where, and its notes. Opening one checks every header
/// value; after that only single pages can be at fault.
protocol HostDump: Sendable {
  var input: DumpInput { get }
  var summary: HostDumpSummary { get }
  var notes: [Note] { get }
  /// The host's VMCOREINFO, `nil` when the dump has none that passes the checks.
  var vmcoreinfo: VMCoreInfo? { get }
  /// What was odd or damaged but not fatal, one line each; reading descriptors can add to it.
  var remarks: [Remark] { get }

  func presence(_ frame: UInt64) -> Presence

  /// The presence of `frame`, and how far it is that of the frames behind it, at most up to `limit`, which is above
  /// `frame`. The frame at `end` can have the same presence again.
  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64)

  /// Stretches of frames, ascending and disjoint, that together hold every stored page but those that lie wholly in a
  /// hole of the file, which are zero; at most 4096 frames each.
  var stretches: [Range<UInt64>] { get }

  /// Looks through the stored pages of `frames`, ascending: one call for each frame whose presence is `stored`, to
  /// `page` where its bytes can be read and to `fault` where they cannot.
  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws

  /// Brings the stored pages of `frames` into `batch`, in place of what it holds: as `visit`, without a call for each.
  func load(_ frames: Range<UInt64>, into batch: inout PageBatch) throws

  /// One frame's entry; `nil` unless its presence is `stored`.
  func entry(_ frame: UInt64) throws -> StoredEntry?
}

extension HostDump {
  func load(_ frames: Range<UInt64>, into batch: inout PageBatch) throws {
    batch.clear(room: Int(min(UInt64(frames.count), HostDumpLimits.stretch)))
    try visit(frames, page: { batch.append($0) }, fault: { _ in batch.addFault() })
  }

  func entry(_ frame: UInt64) throws -> StoredEntry? {
    guard frame < .max else { return nil }
    var found: StoredEntry?
    try visit(frame..<frame + 1, page: { found = .page($0) }, fault: { found = .fault($0) })
    return found
  }

  /// The stored pages of `frames`, ascending by frame, one entry for each frame whose presence is `stored`.
  func entries(in frames: Range<UInt64>) throws -> [StoredEntry] {
    var entries: [StoredEntry] = []
    try visit(frames, page: { entries.append(.page($0)) }, fault: { entries.append(.fault($0)) })
    return entries
  }
}
