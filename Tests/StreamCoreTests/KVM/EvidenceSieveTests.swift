import HostRecipes
import Testing

@testable import StreamCore

/// What is kept of regions that have no evidence, however many there are.
@Suite struct EvidenceSieveTests {
  private func find(_ recipe: String) throws -> (scan: HeadScan, host: JudgedHost) {
    let built = try HostRecipe(recipe).build()
    let directory = try RecipeDirectory()
    let dump = try openHostDump(path: try directory.write(built.kdump(.lzo), as: "host.dump"))
    let decoders = DecoderPool()
    let memory = HostMemory(dump, decoders: decoders)
    let workers = Workers(count: 2)
    let scan = try HeadScan.run(
      dump, heads: LayoutSource.catalogue.heads, decoders: decoders, workers: workers, progress: .none)
    let word = try HostWord(dump.vmcoreinfo, memory, .init(isAsked: false))
    let finder = HostFinder(
      dump: dump, memory: memory, decoders: decoders, word: word, scan: scan, workers: workers)
    return (scan, try finder.judge([.catalogue]).host)
  }

  @Test(arguments: ["6.1", "4.18"])
  func ofAFloodOfCopiesASampleIsKeptAndEveryTrueRegion(kernel: String) throws {
    // The true regions stand above all copies.
    let (scan, host) = try find(
      """
      host ram 64M kernel \(kernel)
      guest evil ram 0-10M linux 6.1.0-evil
        copies victim 0
        vcpu vmcs 0x3ff0000
      guest victim ram 0-4M linux 6.1.0-victim
        vcpu vmcs 0x3ff4000
        vcpu vmcs 0x3ff8000 never-run
      guest gone ram 0-2M nolinux dead
        vcpu vmcs 0x3ffc000
      """)
    #expect(scan.regions.count > 1800)
    #expect(host.regions.map(\.address.rawValue) == [0x3ff_0000, 0x3ff_4000, 0x3ff_8000])
    #expect(host.facts.count <= 1024 + 4)
    #expect(host.rejectedCount == host.search.results.map(\.accepted.count).max().map { $0 - 3 })
    #expect(host.rejected.count <= 128)
    #expect(host.rejected.filter(\.fault.isDeath).map(\.address.rawValue) == [0x3ff_c000])
  }
}
