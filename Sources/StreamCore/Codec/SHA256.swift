import CNettle

/// SHA-256 of bytes that come piece by piece. Source: FIPS 180-4; computed by Nettle.
final class SHA256 {
  private var context = sha256_ctx()

  init() {
    // Safe, here and below: the call works on the struct and on bytes that live across it.
    unsafe vmcs_sha256_init(&context)
  }

  func update(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { room in
      guard let base = room.baseAddress else { return }
      unsafe vmcs_sha256_update(&context, room.count, base)
    }
  }

  func update(_ bytes: [UInt8]) { bytes.withBytes { update($0) } }

  /// Of all that came so far, as 64 hexadecimal digits; the object begins anew.
  func finish() -> String {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
    // Safe: the call writes as many bytes as the array has.
    unsafe digest.withUnsafeMutableBufferPointer { room in
      if let base = room.baseAddress { unsafe vmcs_sha256_digest(&context, base) }
    }
    return digest.map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
  }

  /// Of all bytes of a file.
  static func sum(of file: InputFile) throws(SystemError) -> String {
    let whole = try sum(count: file.size) { place, count throws(SystemError) in try file.read(at: place, count: count) }
    try file.check()
    return whole
  }

  /// Of bytes that are read piece by piece.
  static func sum(
    count: UInt64, _ read: (_ place: UInt64, _ count: Int) throws(SystemError) -> [UInt8]
  ) throws(SystemError) -> String {
    let sum = SHA256()
    var place: UInt64 = 0
    while place < count {
      // Pieces that stay in a core's cache.
      let piece = min(count - place, 1 << 17)
      sum.update(try read(place, Int(piece)))
      place += piece
    }
    return sum.finish()
  }
}
