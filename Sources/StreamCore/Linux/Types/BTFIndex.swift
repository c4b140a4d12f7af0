/// The kernel's own index of vmlinux's types: for each id the address of its record. With it a type's record is had
/// without going through those before it.
///
/// It counts only where its first entry is the first record, its last one ends with the section, and each record that
/// is asked for ends where the next one begins. Source: kernel/bpf/btf.c, struct btf (data, types, nr_types),
/// btf_add_type; Documentation/kvm.md §5.3.
struct BTFIndex: Sendable {
  /// Of `struct btf`: where the blob stands, and where the array of addresses. Bytes; since 4.18.
  static let dataOffset: UInt64 = 0
  private static let typesOffset: UInt64 = 8
  /// Of `struct btf`: nr_types stands at 72, since 7.1 at 80, behind the blob's header, which grows.
  private static let countOffsets = stride(from: 72, to: 128, by: 4)

  /// Types with void, which is 0.
  private(set) var count: Int
  private var entries: BTFBytes
  private let blob: VirtualAddress

  /// - Parameters:
  ///   - object: the `struct btf` of vmlinux, or what is said to be one.
  ///   - blob: where vmlinux's types stand.
  /// - Returns: `nil` unless it proves to be an index of that blob.
  init?(
    _ kernel: LinuxKernel, object: VirtualAddress, blob: VirtualAddress, _ types: inout BTFBytes, _ header: BTFHeader
  ) {
    guard let bytes = try? kernel.read(object, count: 128),
      bytes.load(Int(Self.dataOffset), as: UInt64.self) == blob.rawValue,
      let array: UInt64 = bytes.load(Int(Self.typesOffset)), kernel.isPointer(array)
    else { return nil }
    self.blob = blob
    count = 0
    entries = BTFBytes([])
    for offset in Self.countOffsets {
      // A record takes 12 bytes at least.
      guard let count: UInt32 = bytes.load(offset), count >= 2, Int(count) - 1 <= header.types.count / BTFRecord.size
      else { continue }
      self.count = Int(count)
      entries = BTFBytes(kernel, VirtualAddress(rawValue: array), count: 8 * Int(count))
      if place(of: 1, header) == header.types.lowerBound, let last = place(of: count - 1, header),
        (try? types.need(last, BTFRecord.size)) != nil, let record = BTFRecord(types.bytes, last),
        last + record.byteCount == header.types.upperBound
      {
        return
      }
    }
    return nil
  }

  var pagesRead: Int { entries.pagesRead }

  /// Where the record of an id begins in the blob; behind the last, the section's end. `nil` where the index does not
  /// say, or says what cannot be.
  /// - Parameter id: from 1.
  mutating func place(of id: UInt32, _ header: BTFHeader) -> Int? {
    if Int(id) == count { return header.types.upperBound }
    guard Int(id) < count, (try? entries.need(8 * Int(id), 8)) != nil,
      let address: UInt64 = entries.bytes.load(8 * Int(id))
    else { return nil }
    let (distance, overflow) = address.subtractingReportingOverflow(blob.rawValue)
    guard !overflow, distance <= UInt64(BTFHeader.byteLimit), distance & 3 == 0, header.types.contains(Int(distance))
    else { return nil }
    return Int(distance)
  }
}
