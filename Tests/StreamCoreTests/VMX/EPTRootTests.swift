import Testing

@testable import StreamCore

/// The root that KVM names, where a page shows whether it is one.
@Suite struct EPTRootTests {
  private func root(_ entry: UInt64, levels: Int = 4) -> EPTRoot? {
    var memory = VMXMemory()
    memory.table(5)
    memory[5, 0] = entry
    return EPTRoot(at: HPA(rawValue: 0x5000), levels: levels, in: memory)
  }

  @Test func onlyATableOfAnEPTIsOne() {
    #expect(root(0x6007)?.rawValue == 0x5000 && root(0x6007)?.rootFrame == 5)
    #expect(root(0x6007, levels: 5) != nil)
    // Of shadow paging: present, writable, user, accessed.
    #expect(root(0x6027) == nil)
    #expect(root(0x6007, levels: 3) == nil)
    #expect(EPTRoot(at: HPA(rawValue: 0), levels: 4, in: VMXMemory()) == nil)
    // What the dump lacks contradicts nothing.
    #expect(EPTRoot(at: HPA(rawValue: 0x5000), levels: 4, in: VMXMemory()) != nil)
  }
}
