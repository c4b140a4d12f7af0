/// What a step of a stream's decoder did.
struct StreamStep: Sendable, Equatable {
  /// Bytes of the input that it is done with.
  var consumed: Int
  /// Bytes of the output that it wrote.
  var produced: Int
}

/// Why a stream cannot be decoded.
enum StreamFault: Error, Sendable, Equatable {
  /// The library's word for it.
  case corrupt(String)
  /// The library did not start or got no memory, which says nothing about the stream.
  case unavailable
}

/// Decodes a stream of any length piece by piece.
protocol StreamDecoder: AnyObject {
  /// The bytes so far are whole streams, one or more: there may be an end here.
  var isWhole: Bool { get }

  /// - Parameter isLast: no bytes follow those of `input`.
  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
  ) throws(StreamFault) -> StreamStep
}

/// What a whole file may be compressed with.
enum StreamCodec: String, Sendable, CaseIterable {
  case gzip
  case xz
  case zstd
  case lz4
  /// What it decodes to is an image of LiME's.
  case avml

  /// The first bytes of a file.
  var magic: [UInt8] {
    switch self {
    case .gzip: [0x1f, 0x8b]
    case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
    case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
    case .lz4: [0x04, 0x22, 0x4d, 0x18]
    case .avml: AVMLStream.magic
    }
  }

  init?(head: [UInt8]) {
    guard let codec = Self.allCases.first(where: { head.starts(with: $0.magic) }) else { return nil }
    self = codec
  }

  /// - Throws: `.unavailable`.
  func decoder() throws(StreamFault) -> any StreamDecoder {
    let decoder: (any StreamDecoder)? =
      switch self {
      case .gzip: GzipStream()
      case .xz: XzStream()
      case .zstd: ZstdStream()
      case .lz4: Lz4Stream()
      case .avml: AVMLStream()
      }
    guard let decoder else { throw .unavailable }
    return decoder
  }
}

extension StreamDecoder {
  /// Decodes from `input[start...]` into `output[filled...]`; both have at least so many bytes.
  func step(
    _ input: [UInt8], from start: Int, into output: inout [UInt8], at filled: Int, isLast: Bool
  ) throws(StreamFault) -> StreamStep {
    let rest = start..<input.count
    var result: Result<StreamStep, StreamFault> = .failure(.unavailable)
    // Safe: both arrays live across the call, and the ranges lie inside.
    unsafe input.withUnsafeBytes { input in
      unsafe output.withUnsafeMutableBytes { output in
        do throws(StreamFault) {
          result = .success(
            try unsafe step(
              UnsafeRawBufferPointer(rebasing: input[rest]),
              UnsafeMutableRawBufferPointer(rebasing: output[filled..<output.count]), isLast: isLast))
        } catch {
          result = .failure(error)
        }
      }
    }
    return try result.get()
  }
}
