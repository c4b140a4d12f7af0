/// The header of BTF, checked: sections lie in the bytes. Newer kernels may have a longer one, whose size it gives.
/// Source: include/uapi/linux/btf.h, struct btf_header; Documentation/kvm.md §5.3.
struct BTFHeader: Sendable, Equatable {
  /// Bytes of the header as all kernels have it.
  static let size = 24
  static let magic: UInt16 = 0xeb9f
  /// Bytes of a blob at most. Kernels of distributions have 3 to 6 MB.
  static let byteLimit = 64 << 20

  /// Where the type records and the strings lie, in bytes from the start of the blob.
  let types: Range<Int>
  let strings: Range<Int>

  /// Bytes of the whole blob.
  var end: Int { max(types.upperBound, strings.upperBound) }

  /// - Parameters:
  ///   - bytes: of the blob, the first 24 at least.
  ///   - available: bytes of the whole blob.
  init(_ bytes: [UInt8], available: Int) throws(BTFFault) {
    guard available <= Self.byteLimit else { throw .tooLarge(bytes: available) }
    guard let magic: UInt16 = bytes.load(0), magic == Self.magic else { throw .noMagic }
    guard let header: UInt32 = bytes.load(4), available >= Self.size, bytes.count >= Self.size else {
      throw .cut(what: "header")
    }
    guard bytes[2] == 1 else { throw .version(bytes[2]) }
    guard header >= Self.size, header & 3 == 0, Int(header) <= available else { throw .cut(what: "header") }
    types = try Self.section(bytes, at: 8, behind: Int(header), available, "types")
    strings = try Self.section(bytes, at: 16, behind: Int(header), available, "strings")
    guard types.lowerBound & 3 == 0 else { throw .cut(what: "types") }
  }

  /// Offsets count from the end of the header.
  private static func section(
    _ bytes: [UInt8], at place: Int, behind header: Int, _ available: Int, _ what: String
  ) throws(BTFFault) -> Range<Int> {
    guard let offset: UInt32 = bytes.load(place), let count: UInt32 = bytes.load(place + 4) else {
      throw .cut(what: "header")
    }
    let start = header + Int(offset)
    guard start + Int(count) <= available else { throw .cut(what: what) }
    return start..<start + Int(count)
  }
}
