/// Looks for kallsyms' tables in a kernel's image by what they hold, for kernels whose VMCOREINFO does not say where
/// they are: an index of tokens, their texts before it, the names before those, and the addresses before or behind.
/// Source: scripts/kallsyms.c, write_src; Documentation/kvm.md §9.
struct KallsymsSearch {
  /// Page tables that may map a kernel's image: one for each 2 MiB of 1 GiB, and those above.
  private static let tableLimit = 1024
  /// Indexes that are followed up at most; each kernel has one.
  private static let indexLimit = 32

  /// Pages that one worker looks through at once.
  private static let partPages: UInt64 = 256
  /// Of a page, what an index that goes on in the next can begin in.
  private static let overlap = KallsymsTokens.indexBytes - 4

  private let kernel: LinuxKernel
  private let workers: Workers
  /// Pages of the image that were looked through, and pages or page tables that could not be read.
  private var pages = 0
  private var missing = 0
  private var indexes: [VirtualAddress] = []

  init(_ kernel: LinuxKernel, _ workers: Workers = .alone) {
    self.kernel = kernel
    self.workers = workers
  }

  /// What `prove` makes of the first tables that it does not refuse.
  /// - Throws: the last refusal, or that there are no tables.
  mutating func first<T>(
    _ prove: (KallsymsTables) throws(KernelSymbolsFault) -> T
  ) throws(KernelSymbolsFault) -> T {
    scan()
    var refusal: KernelSymbolsFault?
    var budget = KallsymsNameSearch.budget
    for index in indexes {
      guard let (tokens, table) = tokens(before: index) else { continue }
      var search = KallsymsNameSearch(tokens: tokens, before: table, kernel: kernel, budget: budget)
      while var found = search.next() {
        found.tables.addForms(count: found.count, behind: index &+ UInt64(KallsymsTokens.indexBytes), kernel: kernel)
        do throws(KernelSymbolsFault) { return try prove(found.tables) } catch { refusal = error }
      }
      budget = search.budget
    }
    throw refusal ?? .notFound(pages: pages, missing: missing)
  }

  /// Collects what can be an index, over all that the page tables map from the image's base on.
  private mutating func scan() {
    let base = VirtualAddress.kernelTextBase
    let tables = kernel.tables
    var runs: [(virtual: VirtualAddress, physical: UInt64, byteCount: UInt64)] = []
    _ = tables.forEachMapping(in: base...base + (1 << 30 - 1), tableLimit: Self.tableLimit) { mapping in
      switch mapping {
      case .run(let virtual, let physical, let count): runs.append((virtual, physical, count))
      case .missingTable: missing += 1
      case .notPresent: break
      }
    }
    var parts: [Part] = []
    for run in runs {
      for start in stride(from: 0, to: run.byteCount, by: Int(Self.partPages) * pageSize) {
        let pages = min(Self.partPages, (run.byteCount - start) / UInt64(pageSize))
        parts.append(Part(virtual: run.virtual &+ start, frame: (run.physical &+ start) >> 12, pages: pages))
      }
    }
    for at in parts.indices.dropFirst() where parts[at].virtual == parts[at - 1].end {
      parts[at].before = parts[at - 1].frame &+ parts[at - 1].pages &- 1
    }
    let (memory, work) = (kernel.memory, parts)
    for found in workers.mapAll(work.count, { work[$0].look(memory) }) {
      pages += found.pages
      missing += found.missing
      indexes += found.indexes.prefix(Self.indexLimit - indexes.count)
    }
  }

  /// Pages that lie side by side.
  private struct Part {
    let virtual: VirtualAddress
    let frame: UInt64
    let pages: UInt64
    /// The frame of the page before the first, where one is mapped there.
    var before: UInt64?

    var end: VirtualAddress { virtual &+ pages * UInt64(pageSize) }

    /// What can be an index, and ends in these pages.
    func look(_ memory: any PhysicalMemory) -> (indexes: [VirtualAddress], pages: Int, missing: Int) {
      var found: (indexes: [VirtualAddress], pages: Int, missing: Int) = ([], 0, 0)
      // The end of the page before, as much as an index can begin in, and a page.
      var window: [UInt8] = []
      if let before, let page = memory.page(before).page { window = Array(page.bytes.suffix(overlap)) }
      for number in 0..<pages {
        guard let page = memory.page(frame &+ number).page else {
          found.missing += 1
          window.removeAll(keepingCapacity: true)
          continue
        }
        found.pages += 1
        // Most pages of an image that are not code are zero; an index has no more than one zero in a row.
        if page.isZero {
          window = Array(repeating: 0, count: overlap)
          continue
        }
        window += page.bytes
        let end = virtual &+ (number &+ 1) * UInt64(pageSize)
        for place in indexes(in: window) where found.indexes.count < indexLimit {
          found.indexes.append(end &- UInt64(window.count - place))
        }
        window.removeFirst(window.count - overlap)
      }
      return found
    }
  }

  /// Where 256 numbers ascend from 0; tables stand at multiples of 4 at least.
  private static func indexes(in window: [UInt8]) -> [Int] {
    var found: [Int] = []
    window.withBytes { bytes in
      for at in stride(from: 0, through: bytes.byteCount - KallsymsTokens.indexBytes, by: 4) {
        guard let pair: UInt32 = bytes.load(at), pair & 0xffff == 0,
          (1...KallsymsTokens.stepLimit).contains(Int(pair >> 16))
        else { continue }
        var last = 0
        var token = 1
        while token < KallsymsTokens.count, let next: UInt16 = bytes.load(at + token * 2),
          (1...KallsymsTokens.stepLimit).contains(Int(next) - last)
        {
          last = Int(next)
          token += 1
        }
        if token == KallsymsTokens.count { found.append(at) }
      }
    }
    return found
  }

  /// The texts that end right before an index, and where they begin.
  private func tokens(before address: VirtualAddress) -> (tokens: KallsymsTokens, table: VirtualAddress)? {
    guard let index = try? kernel.read(address, count: KallsymsTokens.indexBytes),
      let last = KallsymsTokens.starts(index)?.last
    else { return nil }
    let bytes = kernel.readable(before: address, upTo: last + KallsymsTokens.stepLimit + 8)
    // Where the first text begins follows from the last one's size, which is not known.
    for start in stride(from: bytes.count & 3, to: bytes.count - last, by: 4) {
      let table = Array(bytes[start...])
      guard let tokens = KallsymsTokens(index: index, table: table), table.count - tokens.byteCount < 8,
        table[tokens.byteCount...].allSatisfy({ $0 == 0 })
      else { continue }
      return (tokens, address &- UInt64(table.count))
    }
    return nil
  }
}
