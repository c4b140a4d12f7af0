/// The EPT pointer of a VMCS (field 0x201a). Source: SDM vol. 3, 26.6.11; KVM construct_eptp; Documentation/vmcs.md §6.
struct EPTPointer: Sendable, Hashable {
  /// What is wrong with a value as an EPT pointer.
  enum Fault: Error, Equatable, Sendable {
    /// Bits 2:0 are neither 0 (uncacheable) nor 6 (write-back).
    case memoryType(UInt64)
    /// Bits 5:3 are neither 3 nor 4.
    case walkLength(UInt64)
    /// One of bits 11:8 and 63:52 is set: these bits.
    case reserved(UInt64)
    /// Frame 0, where no hypervisor keeps a table.
    case noRoot
  }

  let rawValue: UInt64

  /// Bit 7 is allowed: supervisor shadow-stack control on processors with CET.
  init(_ rawValue: UInt64) throws(Fault) {
    let memoryType = rawValue & 7
    guard memoryType == 0 || memoryType == 6 else { throw .memoryType(memoryType) }
    let length = rawValue >> 3 & 7
    guard length == 3 || length == 4 else { throw .walkLength(length) }
    let reserved = rawValue & 0xfff0_0000_0000_0f00
    guard reserved == 0 else { throw .reserved(reserved) }
    guard rawValue >> 12 != 0 else { throw .noRoot }
    self.rawValue = rawValue
  }

  /// 4 or 5.
  var levels: Int { Int(rawValue >> 3 & 7) + 1 }
  /// Host frame of the top table.
  var rootFrame: UInt64 { rawValue >> 12 }
}

extension EPTPointer: SecondLevelRoot {
  func map(in memory: any PhysicalMemory) -> any SecondLevelTables { EPTWalk(memory: memory, pointer: self) }

  /// How many tables the root page names, where the page can be a root: no leaf and no MMIO marker stands at level 4 or
  /// 5. `nil`: it is none.
  func tables(inRoot page: Page) -> Int? {
    var tables = 0
    for index in 0..<512 {
      switch EPTEntry(page.entry(index), level: levels).kind {
      case .table: tables += 1
      case .empty: break
      case .leaf, .mmio, .misconfigured: return nil
      }
    }
    return tables
  }
}

extension EPTPointer.Fault: CustomStringConvertible {
  var description: String {
    switch self {
    case .memoryType(let type): "memory type \(type) is neither 0 nor 6"
    case .walkLength(let length): "walk length field \(length) is neither 3 nor 4"
    case .reserved(let bits): "reserved bits \(hex(bits)) are set"
    case .noRoot: "no root table"
    }
  }
}

typealias EPTWalk = TableWalk<EPTFormat>

extension TableWalk<EPTFormat> {
  init(memory: any PhysicalMemory, pointer: EPTPointer, limits: TableWalkLimits = TableWalkLimits()) {
    self.init(
      memory: memory, root: SecondLevelRootTable(frame: pointer.rootFrame, levels: pointer.levels),
      format: EPTFormat(), limits: limits)
  }
}
