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
    /// VM_UFFD_MISSING: who handles userfaultfd still has the pages that are not there.
    var isMissing: Bool { flags & 0x200 != 0 }
  }

  private enum State: Sendable {
    case unasked
    case known([Mapping], FilePages?)
  }

  private let state = Mutex(State.unasked)
  private let read: @Sendable () -> ([Mapping], FilePages?)

  /// - Parameter read: called once; the mappings in ascending order.
  init(_ read: @escaping @Sendable () -> ([Mapping], FilePages?)) { self.read = read }

  /// Those of no process.
  static let none = FileMappings { ([], nil) }

  /// What a range of pages has, of which the page tables have nothing: ascending, pages without anything left out.
  func runs(in pages: Range<UInt64>) -> [ProcessPages.Run] {
    let (mappings, cache) = known()
    var runs: [ProcessPages.Run] = []
    var index = mappings.partitioningIndex { $0.pages.upperBound > pages.lowerBound }
    while index < mappings.count, mappings[index].pages.lowerBound < pages.upperBound {
      let mapping = mappings[index]
      let part = mapping.pages.clamped(to: pages)
      var at = part.lowerBound
      for run in cache?.runs(part, of: mapping) ?? [] {
        if mapping.isMissing, run.page > at { runs.append(Self.missing(at..<run.page)) }
        runs.append(run)
        at = run.end
      }
      if mapping.isMissing, at < part.upperBound { runs.append(Self.missing(at..<part.upperBound)) }
      index += 1
    }
    return runs
  }

  private static func missing(_ pages: Range<UInt64>) -> ProcessPages.Run {
    ProcessPages.Run(page: pages.lowerBound, count: UInt64(pages.count), content: .absent(.userfault))
  }

  private func known() -> ([Mapping], FilePages?) {
    state.withLock { state in
      if case .known(let mappings, let cache) = state { return (mappings, cache) }
      let (mappings, cache) = read()
      state = .known(mappings, cache)
      return (mappings, cache)
    }
  }
}
