import CLzo2

/// liblzo2: LZO1X-1.
enum LZO {
  /// The library checks its own build once before any other call. Source: lzo/lzoconf.h, lzo_init.
  static let isReady = vmcs_lzo_init() == LZO_E_OK

  /// The worst size of a compressed page: n + n/16 + 64 + 3. Source: LZO's LZO.FAQ.
  static let worstSize = pageSize + pageSize / 16 + 64 + 3

  /// `page` has 4096 bytes.
  static func decode(_ stored: UnsafeRawBufferPointer, into page: UnsafeMutableRawBufferPointer) -> DecodeFault? {
    guard isReady else { return .unavailable }
    var length = lzo_uint(page.count)
    // Safe: the _safe decoder keeps to both lengths, and bytes have one layout whatever their name.
    let code = unsafe lzo1x_decompress_safe(
      stored.baseAddress?.assumingMemoryBound(to: UInt8.self), lzo_uint(stored.count),
      page.baseAddress?.assumingMemoryBound(to: UInt8.self), &length, nil)
    switch code {
    case LZO_E_OK: return length == pageSize ? nil : .short(Int(length))
    case LZO_E_OUTPUT_OVERRUN: return .long
    case LZO_E_INPUT_NOT_CONSUMED: return .trailing
    case LZO_E_INPUT_OVERRUN: return .corrupt("INPUT_OVERRUN")
    case LZO_E_LOOKBEHIND_OVERRUN: return .corrupt("LOOKBEHIND_OVERRUN")
    case LZO_E_EOF_NOT_FOUND: return .corrupt("EOF_NOT_FOUND")
    default: return .corrupt("\(code)")
    }
  }
}

@safe final class LZOEncoder {
  private let work = UnsafeMutableRawPointer.allocate(byteCount: Int(vmcs_lzo_work_size()), alignment: 16)

  deinit { unsafe work.deallocate() }

  /// Bytes written, `nil` when the library fails. `output` has room for `LZO.worstSize`: the library does not check.
  func encode(_ page: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
    guard LZO.isReady, output.count >= LZO.worstSize, page.count == pageSize else { return nil }
    var length: lzo_uint = 0
    // Safe: the output has the worst size by the guard, the work area the size that the library's header asks for.
    let code = unsafe lzo1x_1_compress(
      page.baseAddress?.assumingMemoryBound(to: UInt8.self), lzo_uint(page.count),
      output.baseAddress?.assumingMemoryBound(to: UInt8.self), &length, work)
    return code == LZO_E_OK ? Int(length) : nil
  }
}
