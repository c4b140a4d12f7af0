import Synchronization

/// The mappings of a process that files or userfaultfd stand behind: what its pages are that its page tables lack. Read
/// at the first question, as few processes have such pages. Safe to use from any thread.
///
/// Source: include/linux/mm_types.h, `mm_struct`, `vm_area_struct`; include/linux/fs.h, `file`, `address_space`.
final class FileMappings: Sendable {
  /// One `vm_area_struct`.
  struct Mapping: Sendable, Equatable {
    /// Pages of the process.
    let pages: Range<UInt64>
    /// The `struct file` behind it, if any, and the page of the file, in 4 KiB, that the first page is.
    let file: VirtualAddress?
    let fileOffset: UInt64
    let flags: UInt64

    /// VM_HUGETLB. Source: include/linux/mm.h.
    var isHuge: Bool { flags & 0x40_0000 != 0 }
    /// VM_PFNMAP: no memory of the host's, or none that it keeps account of.
    var isDevice: Bool { flags & 0x400 != 0 }
    /// VM_UFFD_MISSING: who handles userfaultfd still has the pages that are not there.
    var isMissing: Bool { flags & 0x200 != 0 }
  }

  /// What is known of them.
  struct Known: Sendable {
    /// In ascending order.
    var mappings: [Mapping] = []
    var cache: FilePages?
    /// These are all.
    var isWhole = true
  }

  private let state = Mutex<Known?>(nil)
  private let read: @Sendable () -> Known

  /// - Parameter read: called once.
  init(_ read: @escaping @Sendable () -> Known) { self.read = read }

  /// Those of no process.
  static let none = FileMappings { Known() }

  /// What a range of pages has, of which the page tables have nothing: ascending, pages without anything left out.
  func runs(in pages: Range<UInt64>) -> [ProcessPages.Run] {
    let known = known()
    var runs: [ProcessPages.Run] = []
    var at = pages.lowerBound
    for mapping in Self.mappings(known, in: pages) {
      let part = mapping.pages.clamped(to: pages)
      // One that cannot be read may be there.
      if !known.isWhole, part.lowerBound > at { runs.append(.unread(at..<part.lowerBound)) }
      at = part.upperBound
      let own = known.cache?.runs(part, of: mapping) ?? (mapping.file == nil ? [] : [.unread(part)])
      runs += mapping.isMissing ? own.filling(part, .absent(.userfault)) : own
    }
    if !known.isWhole, at < pages.upperBound { runs.append(.unread(at..<pages.upperBound)) }
    return runs
  }

  /// Whether a device is mapped at all of these pages.
  func isDevice(_ pages: Range<UInt64>) -> Bool {
    var at = pages.lowerBound
    for mapping in Self.mappings(known(), in: pages) {
      guard mapping.isDevice, mapping.pages.lowerBound <= at else { return false }
      at = mapping.pages.upperBound
    }
    return at >= pages.upperBound
  }

  private static func mappings(_ known: Known, in pages: Range<UInt64>) -> ArraySlice<Mapping> {
    let first = known.mappings.partitioningIndex { $0.pages.upperBound > pages.lowerBound }
    return known.mappings[first...].prefix { $0.pages.lowerBound < pages.upperBound }
  }

  private func known() -> Known {
    state.withLock { state in
      if let state { return state }
      let known = read()
      state = known
      return known
    }
  }
}

extension ProcessPages.Run {
  /// Pages that the page cache may have, and it cannot be read.
  static func unread(_ pages: Range<UInt64>) -> Self {
    ProcessPages.Run(page: pages.lowerBound, count: UInt64(pages.count), content: .unknown, isCached: true)
  }
}

extension [ProcessPages.Run] {
  /// These, which are ascending, and what lies between them and the ends.
  func filling(_ pages: Range<UInt64>, _ content: ProcessPages.Run.Content) -> [ProcessPages.Run] {
    var whole: [ProcessPages.Run] = []
    var at = pages.lowerBound
    let fill = { (end: UInt64, whole: inout [ProcessPages.Run]) in
      if end > at { whole.append(.init(page: at, count: end - at, content: content, isCached: content == .unknown)) }
    }
    for run in self {
      fill(run.page, &whole)
      whole.append(run)
      at = run.end
    }
    fill(pages.upperBound, &whole)
    return whole
  }
}
