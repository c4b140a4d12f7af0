/// The allocator that keeps two objects in a frame, one from each end, up to 6.13. A handle is the object's address.
/// Source: mm/zbud.c.
struct Zbud: Sendable {
  private let reader: KernelReader
  private let first: ResolvedPath
  private let last: ResolvedPath

  /// Bytes of a chunk, and of the header in front of the first object. Source: NCHUNKS_ORDER, ZHDR_SIZE_ALIGNED.
  private static let chunk: UInt64 = 64

  init(_ kernel: DescribedKernel) throws(TypeFault) {
    reader = kernel.reader
    first = try kernel.types.path("zbud_header.first_chunks")
    last = try kernel.types.path("zbud_header.last_chunks")
  }

  /// Where the bytes of an object stand.
  /// - Parameter count: of them, 1 to 4096.
  func parts(of handle: VirtualAddress, count: Int) throws(ZswapFault) -> [CompressedPage.Part] {
    let page = handle &- UInt64(handle.pageOffset)
    guard let place = reader.kernel.translate(handle), let first = try? reader.value(first, at: page),
      let last = try? reader.value(last, at: page)
    else { throw .unreadable("a page of zbud") }
    let chunks = (UInt64(count) + Self.chunk - 1) / Self.chunk
    let isFirst = UInt64(handle.pageOffset) == Self.chunk && first == chunks
    let isLast = last == chunks && UInt64(handle.pageOffset) == 4096 - last * Self.chunk
    guard first + last + 1 <= 4096 / Self.chunk, isFirst || isLast else {
      throw .damaged("a handle of zbud leads to no object of its length")
    }
    return [.init(frame: place.frame, offset: place.pageOffset, count: count)]
  }
}
