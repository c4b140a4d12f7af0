import CLzma

/// xz's files: streams one behind the other, with padding.
@safe final class XzStream: StreamDecoder {
  /// The library keeps the address, so the stream must not move.
  private let stream: UnsafeMutablePointer<lzma_stream>
  private(set) var isWhole = false
  /// Bytes that the library may take: `xz -9` needs 65 MiB.
  private static let memory: UInt64 = 128 << 20

  /// `nil` when there is no memory for it.
  init?() {
    let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    // Safe: allocated above; LZMA_STREAM_INIT is all zero.
    unsafe stream.initialize(to: lzma_stream())
    guard unsafe vmcs_xz_init(stream, Self.memory) == LZMA_OK else {
      unsafe stream.deallocate()
      return nil
    }
    unsafe self.stream = stream
  }

  deinit {
    // Safe: initialised once and owned by this object alone.
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
  ) throws(StreamFault) -> StreamStep {
    if isWhole { return StreamStep(consumed: input.count, produced: 0) }
    // Safe: the library keeps to both lengths; it is done with both buffers when it returns.
    unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_in = input.count
    unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = output.count
    let code = unsafe lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
    switch code {
    case LZMA_STREAM_END: isWhole = true
    case LZMA_OK, LZMA_BUF_ERROR: break
    case LZMA_MEM_ERROR: throw .unavailable
    case LZMA_MEMLIMIT_ERROR: throw .corrupt("it needs more than \(Self.memory >> 20) MiB of memory")
    case LZMA_OPTIONS_ERROR: throw .corrupt("it uses what the library does not know")
    case LZMA_FORMAT_ERROR: throw .corrupt("what follows is no xz data")
    default: throw .corrupt("data error")
    }
    return unsafe StreamStep(
      consumed: input.count - stream.pointee.avail_in, produced: output.count - stream.pointee.avail_out)
  }
}
