import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// A described host's structures with bytes that are wrong: the kernel's word ends, stays within bounds, and tells of no
/// VM or region that is none without saying that something is damaged.
@Suite struct ListedVMsMutationTests {
  /// A host's memory with some bytes replaced.
  private struct Mutated: PhysicalMemory {
    /// Of all frames that are not zero, as they were.
    let pages: [UInt64: Page]
    let changed: [UInt64: Page]

    init(_ pages: [UInt64: Page], _ changes: [UInt64: UInt8]) {
      self.pages = pages
      var bytes: [UInt64: [UInt8]] = [:]
      for (address, byte) in changes {
        bytes[address >> 12, default: pages[address >> 12]?.bytes ?? Page.zero.bytes][Int(address & 0xfff)] = byte
      }
      changed = bytes.compactMapValues { Page($0) }
    }

    func page(_ frame: UInt64) -> PageResult {
      frame < 1 << 40 ? .page(changed[frame] ?? pages[frame] ?? .zero) : .absent
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
    var pages: [UInt64: Page] = [:]
    for frame in host.memory.pages.keys { pages[frame] = Page(host.memory.bytes(at: frame << 12, count: 4096)) }
    var random = SplitMix64(seed: 41)
    // Names and types are most of all bytes: each structure gets its share.
    let parts = host.structures.filter { $0.name != "vmcs" }.map(\.parts)
    var whole = 0
    for _ in 0..<1500 {
      var changes: [UInt64: UInt8] = [:]
      let own = parts[Int(random.next() % UInt64(parts.count))]
      for _ in 0...random.next() % 4 {
        let part = own[Int(random.next() % UInt64(own.count))]
        let address = part.lowerBound + random.next() % UInt64(part.count)
        let byte = host.memory.bytes(at: address, count: 1)[0]
        changes[address] = random.next() & 1 == 0 ? byte ^ UInt8(1 << (random.next() & 7)) : UInt8(random.next() & 0xff)
      }
      let word = try HostWord(info, Mutated(pages, changes))
      guard let listed = word.listed, word.why == nil else { continue }
      let regions = Set(listed.claims.keys.map(\.rawValue))
      if regions == truth { whole += 1 }
      // In place of a region another page may be named, which the content rules refuse.
      if !regions.isSuperset(of: truth) { #expect(listed.gap != nil || regions.count >= truth.count, "\(changes)") }
      #expect(listed.vms.count <= 2 || listed.damage != nil, "\(changes)")
    }
    #expect(whole > 500)
  }
}
