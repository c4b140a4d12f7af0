import CZlib

/// zlib, for what libdeflate cannot do: the head of a page without the rest, and to say what is wrong with a stream.
/// One stream, used again for every page.
@safe final class Inflater {
  /// zlib keeps the address, so the stream must not move.
  private let stream: UnsafeMutablePointer<z_stream>

  /// `nil` when there is no memory for it.
  init?() {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    // Safe: allocated above; zero is what zlib.h asks of the allocator fields.
    unsafe stream.initialize(to: z_stream())
    guard unsafe vmcs_inflate_init(stream) == Z_OK else {
      unsafe stream.deallocate()
      return nil
    }
    unsafe self.stream = stream
  }

  deinit {
    // Safe: initialised once and owned by this object alone.
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// `page` has 4096 bytes. What follows the stream is accepted, as by uncompress().
  func decode(_ stored: UnsafeRawBufferPointer, into page: UnsafeMutableRawBufferPointer) -> DecodeFault? {
    let code = unsafe run(stored, into: page, flush: Z_FINISH)
    // Safe: the stream is ours.
    let room = unsafe Int(stream.pointee.avail_out)
    let rest = unsafe stream.pointee.avail_in
    switch code {
    case Z_STREAM_END: return room == 0 ? nil : .short(page.count - room)
    case Z_BUF_ERROR, Z_OK: return room == 0 && rest > 0 ? .long : .corrupt("ends early")
    case Z_NEED_DICT: return .corrupt("needs a dictionary")
    case Z_MEM_ERROR: return .unavailable
    default: return .corrupt("data error")
    }
  }

  /// The first 16 bytes: the tables of the first block and a few symbols, instead of the page. `nil`: no memory for it.
  func head(_ stored: RawSpan) -> HeadResult? {
    var head: (UInt64, UInt64) = (0, 0)
    // Safe: both buffers live across the call; two words have no padding, and every bit pattern is one.
    let code = unsafe stored.withUnsafeBytes { input in
      unsafe withUnsafeMutableBytes(of: &head) { unsafe run(input, into: $0, flush: Z_SYNC_FLUSH) }
    }
    // Safe: the stream is ours.
    if unsafe stream.pointee.avail_out == 0 {
      return .head(PageHead(low: UInt64(littleEndian: head.0), high: UInt64(littleEndian: head.1)))
    }
    switch code {
    case Z_OK, Z_BUF_ERROR: return .needsMore
    case Z_MEM_ERROR: return nil
    default: return .bad
    }
  }

  private func run(
    _ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, flush: Int32
  ) -> Int32 {
    // Safe: inflate keeps to both lengths, at most 4096 each, and does not write to its input; it is done with both
    // buffers when it returns.
    guard unsafe inflateReset(stream) == Z_OK else { return Z_STREAM_ERROR }
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: stored.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = UInt32(stored.count)
    unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = UInt32(output.count)
    return unsafe inflate(stream, flush)
  }
}
