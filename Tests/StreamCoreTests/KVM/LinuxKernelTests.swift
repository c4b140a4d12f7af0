import Testing

@testable import StreamCore

@Suite struct HostKernelTests {
  @Test(
    arguments: [
      (4, 0xffff_8880_0000_0000, 0xffff_c900_0010_0000), (4, 0xffff_8b0f_4000_0000, 0xffff_d054_0010_0000),
      (5, 0xff11_0000_0000_0000, 0xffa0_0000_0010_0000), (5, 0xff2a_3b40_4000_0000, 0xffb1_2000_0010_0000),
    ] as [(Int, UInt64, UInt64)])
  func `the direct map is found with and without KASLR, with 4 and 5 levels`(
    levels: Int, directMap: UInt64, vmalloc: UInt64
  ) throws {
    let host = KVMTestHost.sound(levels: levels, directMap: directMap, vmalloc: vmalloc)
    let kernel = try host.host.kernel()
    #expect(kernel.directMapBase.rawValue == directMap)
    #expect(kernel.isDirectMap(VirtualAddress(rawValue: directMap + 0x1234)))
    #expect(!kernel.isDirectMap(VirtualAddress(rawValue: host.kvm)))
    #expect(!kernel.isDirectMap(VirtualAddress(rawValue: KVMTestHost.listHead)))
    #expect(kernel.translate(VirtualAddress(rawValue: host.kvm))?.rawValue == 0x300_0000)
  }

  @Test func `a kernel without KASLR, whose image mapping looks like a direct map, has the true one`() throws {
    var host = KVMTestHost()
    // phys_base 0: the image maps all that lies below 1 GiB at a multiple of 1 GiB, the top-level table included.
    host.map(0xffff_ffff_8000_0000, to: 0, level: 3)
    #expect(try host.kernel().directMapBase.rawValue == 0xffff_8880_0000_0000)
  }

  @Test func `an ioremap that shows the table by chance is no direct map`() throws {
    var host = KVMTestHost(directMap: 0xffff_a000_0000_0000)
    host.map(0xffff_9000_0000_0000 + KVMTestHost.root, to: KVMTestHost.root)
    #expect(try host.kernel().directMapBase.rawValue == 0xffff_a000_0000_0000)
  }

  @Test func `a table without the kernel image, or without a direct map, is refused by name`() {
    var host = KVMTestHost()
    let root = HPA(rawValue: KVMTestHost.root)
    host.memory.store(0, at: KVMTestHost.root + 272 * 8 + 8)
    var headless = host
    host.memory.store(0, at: KVMTestHost.root + 273 * 8)
    #expect(throws: LinuxKernelFault.noDirectMap(of: root)) { try host.kernel() }
    host.map(0xffff_ffff_8000_0000, to: 0, level: 3)
    #expect(throws: LinuxKernelFault.noDirectMap(of: root)) { try host.kernel() }
    headless.memory.store(0, at: KVMTestHost.root + 511 * 8)
    #expect(throws: LinuxKernelFault.noKernelImage(root)) { try headless.kernel() }
    headless.memory.remove(root.frame)
    #expect(throws: LinuxKernelFault.unreadableTable(root)) { try headless.kernel() }
  }

  @Test func `the root comes from VMCOREINFO`() throws {
    let text = "OSRELEASE=6.1.0\nSYMBOL(swapper_pg_dir)=ffffffff80200000\nNUMBER(phys_base)=-1048576\n"
    let info = try #require(VMCoreInfo(Array(text.utf8)))
    let kernel = try LinuxKernel(vmcoreinfo: info, memory: KVMTestHost().memory)
    #expect(kernel.root.rawValue == KVMTestHost.root)
    #expect(kernel.anchored)
    let bare = try #require(VMCoreInfo(Array("OSRELEASE=6.1.0\n".utf8)))
    #expect(throws: LinuxKernelFault.missing(key: "SYMBOL(swapper_pg_dir)")) {
      try LinuxKernel(vmcoreinfo: bare, memory: KVMTestHost().memory)
    }
  }

  @Test func `a process has the kernel half whatever its accessed bits, its LDT slot and missing late entries are`()
    throws
  {
    var host = KVMTestHost.sound().host
    host.finishProcess()
    host.memory.store(0x66_6067, at: KVMTestHost.process + 300 * 8)
    let kernel = try host.kernel()
    #expect(kernel.kernelHalf(ofCR3: KVMTestHost.process | 5) == .same)
  }

  @Test func `another kernel half is told by the entry that differs or is missing`() throws {
    var host = KVMTestHost.sound().host
    host.finishProcess()
    let kernel = try host.kernel()
    #expect(kernel.kernelHalf(ofCR3: 0x7777_7000) == .unreadable)
    let empty = KVMTestHost.process + 0x1000
    host.memory.clear(empty, count: 4096)
    #expect(try host.kernel().kernelHalf(ofCR3: empty) == .missing(entry: 511))
    host.memory.store(0x66_6063, at: KVMTestHost.process + 511 * 8)
    #expect(try host.kernel().kernelHalf(ofCR3: KVMTestHost.process) == .differs(entry: 511))
  }

  @Test func `without VMCOREINFO the pointers and the regions' tables give the same kernel, not anchored`() throws {
    var (host, facts, kvm) = KVMTestHost.sound(directMap: 0xffff_8b0f_4000_0000, vmalloc: 0xffff_d054_0010_0000)
    host.finishProcess()
    let kernel = try LinuxKernel(regions: [facts], memory: host.memory)
    #expect(kernel.root.rawValue == KVMTestHost.process)
    #expect(kernel.directMapBase.rawValue == 0xffff_8b0f_4000_0000)
    let proof = try HostEvidence(kernel: kernel, regions: [facts]).evidence(for: facts.address).get()
    #expect(proof.kvm.rawValue == kvm)
    #expect(!kernel.anchored)
    // A guest could have put them all there, and the host's own behind the last that are looked at.
    let crowd = [RegionFacts](repeating: facts, count: LinuxKernel.regionLimit + 1)
    #expect(throws: UnanchoredKernelFault.crowded) { try LinuxKernel(regions: crowd, memory: host.memory) }
    facts.entryMSRLoad = nil
    #expect(throws: UnanchoredKernelFault.noPointer) { try LinuxKernel(regions: [facts], memory: host.memory) }
  }
}
