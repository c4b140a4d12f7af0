/// The arguments that a process was started with, as its own memory has them: whatever the process wrote there.
struct ProcessCommandLine: Sendable, Equatable {
  /// Those that are whole. Bytes that are no UTF-8 are replaced.
  let values: [String]
  /// What ends them before their time.
  let fault: ProcessFault?

  /// Bytes that are read at most. Source: include/uapi/linux/binfmts.h, MAX_ARG_STRLEN.
  static let limit: UInt64 = 128 << 10

  /// - Parameter mm: `mm_struct` of the process.
  init(
    of mm: VirtualAddress, _ pages: ProcessPages, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) {
    let (start, end) = try ProcessFault.from { () throws(KernelFault) in
      (try reader.value(places.argumentStart, at: mm), try reader.value(places.argumentEnd, at: mm))
    }
    guard start != end else { throw .none("arguments") }
    guard start < end, (end - 1) >> 12 < pages.pageLimit else { throw .noRange(start, end) }
    let wanted = min(end - start, Self.limit)
    var bytes: [UInt8] = []
    var fault: ProcessFault?
    while UInt64(bytes.count) < wanted, fault == nil {
      let address = VirtualAddress(rawValue: start + UInt64(bytes.count))
      do throws(ProcessFault) {
        let page = try pages.page(of: address)
        let take = min(pageSize - address.pageOffset, Int(wanted) - bytes.count)
        bytes += page.bytes[address.pageOffset..<address.pageOffset + take]
      } catch { fault = error }
    }
    if bytes.isEmpty, let fault { throw fault }
    var values = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    // Behind the last NUL: nothing, or an argument that is not whole.
    values.removeLast()
    self.values = values
    self.fault = fault ?? (wanted < end - start ? .limit(Self.limit) : nil)
  }
}

extension ProcessPages {
  /// A page of the process.
  func page(of address: VirtualAddress) throws(ProcessFault) -> Page {
    var found: Run.Content?
    var counts = MapCounts()
    let number = address.rawValue >> 12
    if number < pageLimit { walk(number..<number + 1, &counts) { found = $0.content } }
    switch found {
    case .frames(let frame):
      switch memory.page(frame) {
      case .page(let page): return page
      case .absent: throw .page(address, .absent)
      case .bad: throw .page(address, .damaged)
      }
    case .absent(let reason): throw .page(address, .elsewhere(reason))
    case .unknown, nil:
      // A table on the way that is missing says nothing of the page.
      if counts.badTables > 0 { throw .page(address, .damaged) }
      throw .page(address, counts.absentTables > 0 ? .absent : .unmapped)
    }
  }
}
