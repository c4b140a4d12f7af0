/// A page of a guest's memory, for tests that must not take what is lost for what is not there.
enum GuestPage: Sendable {
  case page(Page)
  /// The guest has no memory there.
  case none
  /// It has, and the dump does not tell what.
  case unknown
}

/// A guest's physical memory as the host's kernel knows it.
protocol GuestPages: Sendable {
  func look(_ frame: UInt64) -> GuestPage
  /// Whether the guest has memory there.
  func has(_ frame: UInt64) -> Bool
}

/// The memory of the guest of a vCPU that pages in long mode by KVM's own bits: PG of CR0, PAE and LA57 of CR4 and LMA of
/// EFER, which no guest changes without an exit. Its CR3 has to name page tables then, and these have to map the
/// instruction at RIP and the stack.
///
/// What stands there the guest writes: a test can only take places away, and what is left counts where the guests of
/// two VMs agree. Source: SDM vol. 3, 5.5.
struct GuestSight: Sendable {
  let pages: any GuestPages
  /// 4, or 5 with CR4.LA57.
  let levels: Int

  enum Verdict: Sendable, Equatable { case passes, fails, unknown }

  private static let noExecute: UInt64 = 1 << 63
  /// LAM_U48 and LAM_U57 of CR3.
  private static let maskingBits: UInt64 = 3 << 61
  /// Tables that one look for a leaf reads at most.
  private static let tableLimit = 32

  /// Whether a value of CR3 names a top-level table whose entries lead to memory of the guest, and one of them to a leaf.
  func isTable(_ value: UInt64) -> Verdict {
    guard value & ~(Self.maskingBits | X86PageTables.addressMask | 0xfff) == 0 else { return .fails }
    let page: Page
    switch pages.look((value & X86PageTables.addressMask) >> 12) {
    case .none: return .fails
    case .unknown: return .unknown
    case .page(let found): page = found
    }
    var tables: [UInt64] = []
    for index in 0..<512 {
      let entry = page.entry(index)
      guard entry & X86PageTables.present != 0 else { continue }
      let frame = (entry & X86PageTables.addressMask) >> 12
      guard entry & X86PageTables.large == 0, frame != 0, pages.has(frame) else { return .fails }
      tables.append(frame)
    }
    guard !tables.isEmpty else { return .fails }
    var budget = Self.tableLimit
    return leads(tables, level: levels - 1, &budget)
  }

  private func leads(_ tables: [UInt64], level: Int, _ budget: inout Int) -> Verdict {
    var verdict = Verdict.fails
    for frame in tables {
      guard budget > 0 else { return .unknown }
      budget -= 1
      switch pages.look(frame) {
      case .none: continue
      case .unknown: verdict = .unknown
      case .page(let page):
        var next: [UInt64] = []
        for index in 0..<512 {
          let entry = page.entry(index)
          let frame = (entry & X86PageTables.addressMask) >> 12
          guard entry & X86PageTables.present != 0, frame != 0, pages.has(frame) else { continue }
          if X86PageTables.leafSize(entry, level) != nil { return .passes }
          next.append(frame)
        }
        guard level > 1 else { continue }
        switch leads(next, level: level - 1, &budget) {
        case .passes: return .passes
        case .unknown: verdict = .unknown
        case .fails: break
        }
      }
    }
    return verdict
  }

  /// Whether the page tables map an address.
  /// - Parameter executable: for instructions, too.
  func isMapped(_ address: UInt64, by cr3: UInt64, executable: Bool) -> Verdict {
    switch leaf(address, by: cr3) {
    case .none: .fails
    case .unknown: .unknown
    case .at(_, let isExecutable): executable && !isExecutable ? .fails : .passes
    }
  }

  /// The page of the guest's memory that an address lies in.
  func page(at address: UInt64, by cr3: UInt64) -> GuestPage {
    switch leaf(address, by: cr3) {
    case .none: .none
    case .unknown: .unknown
    case .at(let frame, _): pages.look(frame)
    }
  }

  private enum Leaf { case none, unknown, at(frame: UInt64, isExecutable: Bool) }

  private func leaf(_ address: UInt64, by cr3: UInt64) -> Leaf {
    guard VirtualAddress(rawValue: address).isCanonical(levels: levels) else { return .none }
    var table = (cr3 & X86PageTables.addressMask) >> 12
    var isExecutable = true
    for level in stride(from: levels, through: 1, by: -1) {
      switch pages.look(table) {
      case .none: return .none
      case .unknown: return .unknown
      case .page(let page):
        let entry = page.entry(X86PageTables.index(address, level))
        guard entry & X86PageTables.present != 0 else { return .none }
        isExecutable = isExecutable && entry & Self.noExecute == 0
        let target = entry & X86PageTables.addressMask
        if let size = X86PageTables.leafSize(entry, level) {
          return .at(frame: (target & ~(size - 1) | address & (size - 1)) >> 12, isExecutable: isExecutable)
        }
        table = target >> 12
      }
    }
    return .none
  }
}
