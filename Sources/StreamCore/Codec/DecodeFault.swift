/// Why the stored bytes of a page do not give the page.
enum DecodeFault: Error, Sendable, Equatable {
  /// Bytes stored: not 4096 for a raw page, not 1 to 4096 for a compressed one.
  case wrongStoredSize(Int)
  /// The stream is damaged or cut; the library's word for it.
  case corrupt(String)
  /// The stream is good and ends after this many bytes of the page, less than 4096.
  case short(Int)
  /// The stream holds more than a page.
  case long
  /// Bytes follow the end of the stream.
  case trailing
  /// The library did not start or got no memory, which says nothing about the page: `PageDecoder` throws it.
  case unavailable
}

extension DecodeFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .wrongStoredSize(let size): "\(size) bytes stored"
    case .corrupt(let reason): "stream corrupt (\(reason))"
    case .short(let count): "decodes to \(count) bytes"
    case .long: "decodes to more than \(pageSize) bytes"
    case .trailing: "bytes after the end of the stream"
    case .unavailable: "codec library not available"
    }
  }
}
