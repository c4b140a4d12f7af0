import CLz4

/// LZ4's files: frames one behind the other.
@safe final class Lz4Stream: StreamDecoder {
  private let context: OpaquePointer
  private(set) var isWhole = false

  /// `nil` when there is no memory for it.
  init?() {
    var context: OpaquePointer?
    // Safe: the call fills the pointer.
    guard unsafe LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0,
      let context = unsafe context
    else { return nil }
    unsafe self.context = context
  }

  // Safe: created once and owned by this object alone.
  deinit { unsafe LZ4F_freeDecompressionContext(context) }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
  ) throws(StreamFault) -> StreamStep {
    if isWhole, input.count == 0 { return StreamStep(consumed: 0, produced: 0) }
    var consumed = input.count
    var produced = output.count
    // Safe: the library keeps to both lengths, and says how much of each it took.
    let result = unsafe LZ4F_decompress(context, output.baseAddress, &produced, input.baseAddress, &consumed, nil)
    // Safe: the library returns a constant C string.
    if LZ4F_isError(result) != 0 { throw .corrupt(unsafe String(cString: LZ4F_getErrorName(result))) }
    isWhole = result == 0
    return StreamStep(consumed: consumed, produced: produced)
  }
}
