/// The root of an EPT that is known by its place alone, without the EPT pointer that names it: what the hypervisor says of
/// its own tables where the VMCS is not read.
struct EPTRoot: SecondLevelRoot {
  private let pointer: EPTPointer

  /// - Parameters:
  ///   - address: of the top table.
  ///   - levels: 4 or 5.
  ///   - memory: `nil` comes back where it shows that the page is no top table of an EPT, as with shadow paging.
  init?(at address: HPA, levels: Int, in memory: any PhysicalMemory) {
    // Memory type 6, write-back, decides nothing here.
    guard levels == 4 || levels == 5,
      let pointer = try? EPTPointer(address.rawValue & ~0xfff | UInt64(levels - 1) << 3 | 6)
    else { return nil }
    if let page = memory.page(pointer.rootFrame).page, pointer.tables(inRoot: page) == nil { return nil }
    self.pointer = pointer
  }

  /// Of the top table: the pointer's other bits are not known.
  var rawValue: UInt64 { pointer.rootFrame << 12 }
  var rootFrame: UInt64 { pointer.rootFrame }
  func map(in memory: any PhysicalMemory) -> any SecondLevelTables { pointer.map(in: memory) }
}
