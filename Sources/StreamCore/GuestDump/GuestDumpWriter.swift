/// One guest page of a batch.
struct OutputPage: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// 4096 bytes of zeros, known to be so.
    case zero
    /// `count` bytes from `start` of the batch's payload. Pages with equal bytes may name the same range.
    case stored(start: Int, count: Int, codec: PageCodec)
    /// Bytes of an earlier batch, that stand in the file at `offset` by now; only where the writer `sharesPages`.
    case placed(offset: UInt64, count: Int, codec: PageCodec)
  }
  var guestFrame: UInt64
  var content: Content
}

/// Pages of one guest, in any order, and how many bytes they have.
struct OutputBatch: Sendable {
  /// Bytes that the pages' ranges lie in.
  var payloadCount = 0
  var pages: [OutputPage] = []
}

/// A range of a batch's payload, and where in the file it belongs.
struct PayloadRange: Sendable, Equatable {
  var range: Range<Int>
  /// In the file, bytes.
  var offset: UInt64
}

/// What was written, for the manifest.
struct OutputSummary: Sendable, Equatable {
  /// The file's length; holes count.
  var bytes: UInt64
  /// Pages that the dump holds, zero pages included.
  var pages: UInt64
  /// Pages that were to come and were found damaged.
  var badPages: UInt64
  /// A name of `guestDumpFormats`.
  var format: String
  var codec: String
}

/// Why a guest's dump could not be finished. Its temporary file is removed with the writer.
enum GuestDumpError: Error, Equatable, Sendable {
  /// The file could not even be begun.
  case cannotCreate(SystemError)
  case system(SystemError)
  /// Bad pages cut the guest's memory into more PT_LOADs than the headers have room for; kdump has no such limit.
  case tooManySegments(path: String, needed: UInt64, room: UInt64)
  /// ELF, and not a single page to put into it: no reader opens a core without PT_LOAD.
  case noPages(path: String)
  /// The guest's memory does not fit the format's fields or a file's 2^63 bytes.
  case tooLarge(path: String)
  /// A defect in whoever feeds the writer.
  case defect(path: String, GuestDumpDefect)
}

/// What a writer was told and cannot be: a defect of this program, never of its input.
enum GuestDumpDefect: Error, Equatable, Sendable {
  /// A page of `present` that neither came nor was marked bad; the lowest one.
  case missing(frame: UInt64)
  /// A page that `present` does not have.
  case unexpected(frame: UInt64)
  /// A page that came twice.
  case repeated(frame: UInt64)
  /// A page whose range of the payload, or whose codec, the format cannot take.
  case unusable(frame: UInt64)
}

extension GuestDumpError: CustomStringConvertible {
  var description: String {
    switch self {
    case .cannotCreate(let error), .system(let error): error.description
    case .tooManySegments(let path, let needed, let room):
      "\(path): bad pages cut the memory into \(needed) program headers, there is room for \(room); use --format kdump"
    case .noPages(let path): "\(path): no page to write, an ELF core needs at least one"
    case .tooLarge(let path): "\(path): the guest's memory is too large for this format"
    case .defect(let path, let defect): "\(path): defect in vmcs-split: \(defect)"
    }
  }
}

/// Writes one guest's dump. `append` is called serially and says where the bytes go; they follow by `write`, in any
/// order and from any thread. The file depends on the pages and payloads in their order, not on how they are cut into
/// batches.
protocol GuestDumpWriter: AnyObject, Sendable {
  /// Pages can name bytes of earlier batches.
  var sharesPages: Bool { get }

  /// Gives pages their places.
  /// - Returns: where ranges of the payload must be written before `complete`.
  func append(_ batch: OutputBatch) throws(SystemError) -> [PayloadRange]

  /// Writes bytes at a place that `append` named.
  func write(_ bytes: GatheredBytes, at offset: UInt64) throws(SystemError)

  /// A page of `present` that turned out damaged: the dump will not have it. Frames outside `present` do not matter.
  func markBad(_ guestFrame: UInt64)

  /// Writes what is left, once: the file is whole, under its temporary name.
  func complete() throws(GuestDumpError) -> CompletedDump
}

/// A guest's dump that is whole and waits for its name.
struct CompletedDump: Sendable {
  let summary: OutputSummary
  private let file: OutputFile

  init(_ file: OutputFile, _ summary: OutputSummary) {
    self.file = file
    self.summary = summary
    file.beginWriteout()
  }

  /// Gives it its name, once it is on the disk. The name itself is there when the directory is synced.
  /// - Parameter force: replace a file that carries the name.
  func commit(force: Bool) throws(OutputError) { try file.commit(force: force, syncsDirectory: false) }
}

/// A format that guests are written in.
public struct GuestDumpFormat: Sendable {
  /// As `--format` and the manifest name it.
  public let name: String
  /// Without the dot.
  let fileExtension: String
  /// What pages may be stored as.
  let codecs: [PageCodec]
  /// It records a codec for each page; other formats hold raw pages.
  var storesAnyCodec: Bool { codecs.count > 1 }
  /// Creates the temporary file beside the path. `memory`: bytes for what the writer gathers.
  let open: @Sendable (GuestImage, _ path: String, _ memory: Int) throws(GuestDumpError) -> any GuestDumpWriter
}

/// The formats that are written. A format is added by a file and a line here; the first is the default.
public let guestDumpFormats: [GuestDumpFormat] = [KdumpWriter.format, ElfWriter.format]
