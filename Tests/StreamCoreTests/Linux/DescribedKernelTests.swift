import HostModel
import Testing

@testable import StreamCore

@Suite struct DescribedKernelTests {
  private static let pages = (SampleTypes(fillers: 3000).vmlinux.bytes.count + 4095) / 4096

  /// What vmlinux's and the module's types say, and their symbols.
  private static func expectAnswers(_ kernel: DescribedKernel) throws {
    #expect(try kernel.types.member("vcpu.inner.high").offset == 28)
    #expect(try kernel.types.member("inner.whole").offset == 8)
    #expect(try kernel.types.size(of: "vcpus") == 8)
    #expect(try kernel.types.faults().isEmpty)
  }

  @Test func `symbols and types are the kernel's and its module's, and few pages are read`() throws {
    let kernel = try DescribedSpace().described()
    #expect(kernel.types.pagesRead == 0)
    try Self.expectAnswers(kernel)
    #expect(Self.pages > 40 && kernel.types.pagesRead < 12)
    #expect(try kernel.symbol("in_kernel").rawValue == DescribedSpace.own)
    #expect(try kernel.symbol("in_module", of: "sample").rawValue == 0xffff_ffff_c000_0040)
    // A module that is not loaded is built in.
    #expect(try kernel.symbol("in_kernel", of: "other").rawValue == DescribedSpace.own)
    #expect(throws: KernelSymbolFault.noSymbol("in_kernel")) { try kernel.symbol("in_kernel", of: "sample") }
    #expect(throws: KernelSymbolFault.noSymbol("in_module")) { try kernel.symbol("in_module") }
    #expect(throws: KernelSymbolFault.ambiguous("twice", count: 2)) { try kernel.symbol("twice") }
    #expect(throws: KernelSymbolFault.perCPU("current_vmcs")) { try kernel.symbol("current_vmcs") }
    // The search for a name that is not there reads everything, and changes no answer.
    #expect(throws: TypeFault.noType("nothing")) { try kernel.types.size(of: "nothing") }
    #expect(kernel.types.pagesRead > Self.pages)
    try Self.expectAnswers(kernel)
  }

  @Test func `without an index, or with a false one, the answers are the same`() throws {
    var spaces = [try DescribedSpace(without: ["btf_vmlinux"])]
    let good = try DescribedSpace()
    for (place, value) in [
      (DescribedSpace.btf, 0), (DescribedSpace.btf + 8, 0x1234), (DescribedSpace.btf + 72, 7),
      (DescribedSpace.btf + 72, 0xffff_ffff), (DescribedSpace.index + 8, DescribedSpace.start + 36),
    ] as [(UInt64, UInt64)] {
      var space = good
      space.host.memory.store(value, at: place)
      spaces.append(space)
    }
    // Entries in the middle that name another record, or none.
    for shift in [-12, 4, 12, 1 << 40] as [Int64] {
      var space = good
      for id in 2..<60 as Range<UInt64> {
        let place = DescribedSpace.index + id * 8
        let value = space.host.memory.u64(place) ?? 0
        space.host.memory.store(value &+ UInt64(bitPattern: shift), at: place)
      }
      spaces.append(space)
    }
    for space in spaces { try Self.expectAnswers(space.described()) }
  }

  @Test func `what is missing is told`() throws {
    let none = try DescribedSpace(without: ["__start_BTF"]).described()
    #expect(throws: TypeFault.noTypes) { try none.types.member("inner.whole") }
    #expect(throws: KernelSymbolFault.type(.noTypes)) { try none.symbol("in_module", of: "sample") }
    #expect(try none.symbol("in_kernel").rawValue == DescribedSpace.own)

    var space = try DescribedSpace()
    space.host.memory.remove(DescribedSpace.types >> 12)
    let absent = BTFFault.unreadable(.absent(VirtualAddress(rawValue: DescribedSpace.start)))
    var torn = try space.described()
    #expect(throws: TypeFault.badTypes(of: "vmlinux", absent)) { try torn.types.member("inner.whole") }
    // A page in the middle: what is beside it is known, what needs it is not.
    space = try DescribedSpace()
    space.host.memory.remove(DescribedSpace.types >> 12 + 20)
    torn = try space.described()
    try Self.expectAnswers(torn)
    let hole = BTFFault.unreadable(.absent(VirtualAddress(rawValue: DescribedSpace.start + 20 << 12)))
    #expect(throws: TypeFault.badTypes(of: "vmlinux", hole)) { try torn.types.size(of: "filler_7") }

    space = try DescribedSpace()
    space.host.memory.remove(DescribedSpace.entry >> 12)
    torn = try space.described()
    guard case .noModule("sample", let cut?)? = try torn.types.faults()["sample"] else {
      Issue.record("the module is there")
      return
    }
    #expect(cut.node.rawValue == DescribedSpace.btfModules)
    #expect(throws: TypeFault.noModule("sample", cut: cut)) { try torn.types.member("vcpu.id") }
    // Its symbols are found by the list of modules, which goes another way.
    #expect(try torn.symbol("in_module", of: "sample").rawValue == 0xffff_ffff_c000_0040)
    space.host.memory.remove(DescribedSpace.module >> 12)
    torn = try space.described()
    #expect(throws: KernelSymbolFault.self) { try torn.symbol("in_module", of: "sample") }
  }

  @Test func `two thousand damaged kernels are answered or refused`() throws {
    let good = try DescribedSpace()
    var random = SplitMix64(seed: 77)
    let places: [(start: UInt64, count: UInt64)] = [
      (DescribedSpace.types, 0x600), (DescribedSpace.btf, 96), (DescribedSpace.index, 0x400),
      (DescribedSpace.entry, 32),
      (DescribedSpace.moduleBTF, 200), (DescribedSpace.moduleTypes, 0x200), (DescribedSpace.module, 0x120),
      (DescribedSpace.moduleSymbols, 0x120), (0x210_1000, 0x30),
    ]
    let kernel = try good.host.kernel()
    let info = try good.image.vmcoreinfo()
    let symbols = try KernelSymbols(of: kernel, vmcoreinfo: info)
    var answers = 0
    for _ in 0..<2000 {
      var host = good.host
      for _ in 0...random.below(3) {
        let place = places[Int(random.below(UInt64(places.count)))]
        let at = place.start + random.below(place.count / 8) * 8
        let old = host.memory.u64(at) ?? 0
        switch random.below(4) {
        case 0: host.memory.store(random.next(), at: at)
        case 1: host.memory.store(old ^ 1 << random.below(64), at: at)
        case 2: host.memory.store(old &+ random.below(64) &- 32, at: at)
        default: host.memory.remove(at >> 12)
        }
      }
      let damaged = DescribedKernel(
        try host.kernel(), symbols: symbols, modules: ["sample"], leads: ["inner": ["vcpu.inner"]])
      for path in ["inner.whole", "vcpu.inner.high", "outer.grid[1][2]"] {
        if (try? damaged.types.path(path)) != nil { answers += 1 }
      }
      _ = try? damaged.symbol("in_module", of: "sample")
      _ = try? damaged.reader.text(
        "module.name", at: VirtualAddress(rawValue: DescribedSpace.directMap + DescribedSpace.module))
    }
    #expect(answers > 1000 && answers < 6000)
  }
}
