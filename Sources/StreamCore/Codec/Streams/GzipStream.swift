import CZlib

/// gzip's files: members one behind the other, and zeros behind the last.
@safe final class GzipStream: StreamDecoder {
  /// zlib keeps the address, so the stream must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  /// A member has ended, and no other has begun.
  private(set) var isWhole = false

  /// `nil` when there is no memory for it.
  init?() {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    // Safe: allocated above; zero is what zlib.h asks of the allocator fields.
    unsafe stream.initialize(to: z_stream())
    guard unsafe vmcs_gunzip_init(stream) == Z_OK else {
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

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
  ) throws(StreamFault) -> StreamStep {
    if isWhole {
      let zeros = unsafe input.prefix { $0 == 0 }.count
      if zeros > 0 || input.count == 0 { return StreamStep(consumed: zeros, produced: 0) }
      guard unsafe inflateReset(stream) == Z_OK else { throw .unavailable }
      isWhole = false
    }
    // Safe: inflate keeps to both lengths and does not write to its input; it is done with both when it returns.
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = UInt32(clamping: input.count)
    unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = UInt32(clamping: output.count)
    let code = unsafe inflate(stream, Z_NO_FLUSH)
    let consumed = unsafe Int(UInt32(clamping: input.count) - stream.pointee.avail_in)
    let produced = unsafe Int(UInt32(clamping: output.count) - stream.pointee.avail_out)
    switch code {
    case Z_STREAM_END: isWhole = true
    case Z_OK, Z_BUF_ERROR: break
    case Z_MEM_ERROR: throw .unavailable
    default:
      // Safe: zlib's messages are constant C strings.
      throw .corrupt(unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "data error")
    }
    return StreamStep(consumed: consumed, produced: produced)
  }
}
