/// What a dump says of a frame without its bytes being read.
enum Presence: Sendable, Equatable {
  /// The file holds the page.
  case stored
  /// Known RAM, left out by the writer (kdump: first bitmap set, second clear).
  case filtered
  /// Inside a PT_LOAD's memory, but not in the file: zero or filtered, an ELF core cannot tell.
  case notStored
  /// The dump's tail is missing, and the page was in it.
  case lost
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

/// One frame of a dump: where its bytes lie, or why they cannot be used.
enum StoredEntry: Sendable, Equatable {
  case page(StoredPage)
  case fault(PageFault)
}
