import CPageCodecs

/// The codec libraries behind one set of contexts.
@safe final class PageCodec {
  private let codecs: OpaquePointer
  /// Room for the worst case of any codec.
  private var stored = [UInt8](repeating: 0, count: Int(page_codec_room))

  /// nil when a library cannot start.
  init?() {
    guard let codecs = unsafe page_codecs_new() else { return nil }
    unsafe self.codecs = codecs
  }

  deinit { unsafe page_codecs_free(codecs) }

  /// Bytes that a page takes in a codec, at most 4096.
  func size(_ page: [UInt8], _ codec: Codec) -> Int {
    var flag: UInt32 = 0
    return compress(page, codec, &flag)
  }

  /// The page as a dump stores it: compressed, or raw where that is no smaller.
  func store(_ page: [UInt8], _ codec: Codec) -> StoredPage {
    var flag: UInt32 = 0
    let count = compress(page, codec, &flag)
    return StoredPage(bytes: Array(stored.prefix(count)), flag: flag)
  }

  private func compress(_ page: [UInt8], _ codec: Codec, _ flag: inout UInt32) -> Int {
    precondition(page.count == Int(page_codec_page_size))
    // Safe: one page goes in, the room is what the header asks for, and both arrays live across the call.
    let count = unsafe page_codecs_compress(codecs, codec.flag, page, &stored, &flag)
    precondition(count > 0, "the codec library failed")
    return count
  }
}

/// What a descriptor points to.
struct StoredPage: Sendable, Equatable {
  var bytes: [UInt8]
  var flag: UInt32
}
