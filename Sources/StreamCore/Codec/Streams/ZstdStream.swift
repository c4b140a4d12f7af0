import CZstd

/// zstd's files: frames one behind the other, those to be skipped among them. A window of more than 128 MiB is refused,
/// as by the library's own tool.
@safe final class ZstdStream: StreamDecoder {
  private let context: OpaquePointer
  private(set) var isWhole = false

  /// `nil` when there is no memory for it.
  init?() {
    guard let context = unsafe ZSTD_createDCtx() else { return nil }
    unsafe self.context = context
  }

  // Safe: created once and owned by this object alone.
  deinit { unsafe ZSTD_freeDCtx(context) }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
  ) throws(StreamFault) -> StreamStep {
    if isWhole, input.count == 0 { return StreamStep(consumed: 0, produced: 0) }
    // Safe: the library keeps to both lengths.
    var from = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var into = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let result = unsafe ZSTD_decompressStream(context, &into, &from)
    // Safe: the library returns a constant C string.
    if ZSTD_isError(result) != 0 { throw .corrupt(unsafe String(cString: ZSTD_getErrorName(result))) }
    isWhole = result == 0
    return unsafe StreamStep(consumed: from.pos, produced: into.pos)
  }
}
