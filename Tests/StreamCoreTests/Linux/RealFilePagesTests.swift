import Testing

@testable import StreamCore

/// The page cache against what real VMMs map: pages of their program and its libraries are both in their page tables and
/// in the page cache, and are the same frames.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealFilePagesTests {
  @Test(arguments: ["haswell", "nested", "stalled", "new7"])
  func theCacheHasWhatProcessesMap(name: String) throws {
    let dump = try openHostDump(path: (KVMRealHost.folder ?? "") + "/\(name)/host.lzo.kdump")
    let word = HostWord(dump.vmcoreinfo, HostMemory(dump), isAsked: true)
    let listed = try #require(word.listed)
    #expect(listed.vms.count >= 2)
    for vm in listed.vms {
      let memory = try vm.memory.get()
      // Programs are mapped below the stack; the whole lower half is asked.
      var counts = MapCounts()
      var mapped: [UInt64: UInt64] = [:]
      let tables = ProcessPages(
        memory: memory.pages.memory, root: memory.pages.root, levels: memory.pages.levels,
        swapTypes: memory.pages.swapTypes, mappings: .none)
      tables.walk(0..<tables.pageLimit, &counts) { run in
        guard case .frames(let frame) = run.content else { return }
        for page in 0..<run.count { mapped[run.page + page] = frame + page }
      }
      var same = 0
      var others = 0
      for run in memory.pages.mappings.runs(in: 0..<memory.pages.pageLimit) {
        guard case .frames(let frame) = run.content else { continue }
        #expect(run.isCached)
        for page in 0..<run.count {
          guard let own = mapped[run.page + page] else { continue }
          if own == frame + page { same += 1 } else { others += 1 }
        }
      }
      // Private pages that were written are copies: data sections, some hundred pages.
      #expect(same > 1000, "\(name) \(vm.kvm): \(same) same, \(others) others")
      #expect(others < same / 4, "\(name) \(vm.kvm): \(same) same, \(others) others")
    }
  }
}
