import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// A described host's structures with bytes that are wrong: the kernel's word ends, stays within bounds, and tells of no
/// VM or region that is none without saying that something is damaged.
@Suite struct ListedVMsMutationTests {
  /// A host's memory with some bytes replaced.
  private struct Mutated: PhysicalMemory {
    let memory: SparseMemory
    let changes: [UInt64: UInt8]

    func page(_ frame: UInt64) -> PageResult {
      guard frame < 1 << 40 else { return .absent }
      var bytes = memory.bytes(at: frame << 12, count: 4096)
      for (address, byte) in changes where address >> 12 == frame { bytes[Int(address & 0xfff)] = byte }
      return Page(bytes).map { .page($0) } ?? .absent
    }
  }

  @Test(arguments: ["6.1 symbols types", "5.14 symbols types"])
  func noByteMakesOrHidesAVM(kernel: String) throws {
    let host = try HostRecipe(
      """
      host ram 24M cpus 2 kernel \(kernel) seed 5
      guest a ram 0-2M nolinux
        vcpu
        vcpu
      guest b ram 0-2M nolinux
      """
    ).build()
    let text = try #require(host.vmcoreInfo)
    let info = try #require(VMCoreInfo(Array(text.utf8)))
    let truth = Set(host.guests.flatMap(\.vcpus).map(\.vmcs))
    var random = SplitMix64(seed: 41)
    // Names and types are most of all bytes: each structure gets its share.
    let parts = host.structures.filter { $0.name != "vmcs" }.map(\.parts)
    var whole = 0
    for _ in 0..<300 {
      var changes: [UInt64: UInt8] = [:]
      let own = parts[Int(random.next() % UInt64(parts.count))]
      for _ in 0...random.next() % 4 {
        let part = own[Int(random.next() % UInt64(own.count))]
        let address = part.lowerBound + random.next() % UInt64(part.count)
        let byte = host.memory.bytes(at: address, count: 1)[0]
        changes[address] = random.next() & 1 == 0 ? byte ^ UInt8(1 << (random.next() & 7)) : UInt8(random.next() & 0xff)
      }
      let word = HostWord(
        info, Mutated(memory: host.memory, changes: changes), isAsked: true)
      guard let listed = word.listed, word.why == nil else { continue }
      let regions = Set(listed.claims.keys.map(\.rawValue))
      if regions == truth { whole += 1 }
      if !regions.isSuperset(of: truth) { #expect(listed.gap != nil, "\(changes)") }
      // A pointer to a region that is none is met by the content rules, and one outside of memory by its fault.
      #expect(listed.vms.count <= 2 || listed.damage != nil, "\(changes)")
    }
    #expect(whole > 100)
  }
}
