import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Files count only where they are proven to be of the dump's kernel; those of another are refused by name.
@Suite struct SymbolFileProofTests {
  private static func host(_ kernel: String) throws -> BuiltHost {
    try HostRecipe("host ram 24M kernel \(kernel) symbols types\nguest a ram 0-2M nolinux").build()
  }

  private func proofs(_ host: BuiltHost, _ files: GivenFiles) throws -> [String?] {
    let dump = try openHostDump(path: files.directory.write(host.kdump(.raw), as: "host.dump"))
    let word = try HostWord(dump.vmcoreinfo, HostMemory(dump), .init(files: files.open()))
    return word.files.all.map { word.files.log[$0.path].proof }
  }

  /// 4.18's VMCOREINFO has no build id.
  @Test(arguments: [
    ("6.1", ["build id in VMCOREINFO", "build id of the loaded module", "build id of the loaded module"]),
    ("7.3", ["build id in VMCOREINFO", "build id of the loaded module", "build id of the loaded module"]),
    ("4.18", ["build id in the kernel's image", "build id of the loaded module", "build id of the loaded module"]),
  ])
  func theRightFilesAreProven(kernel: String, proofs: [String]) throws {
    let host = try Self.host(kernel)
    #expect(try self.proofs(host, GivenFiles(of: host)) == proofs)
  }

  @Test func aKernelWithoutBuildIDsIsProvenByItsBanner() throws {
    let host = try Self.host("4.18")
    var vmlinux = try #require(host.vmlinux)
    vmlinux[".notes"] = nil
    var files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    #expect(try proofs(host, files) == ["linux_banner"])
    vmlinux[".rodata"]?.bytes[30] ^= 1
    files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    let text = try files.refusal(by: host)
    #expect(text.hasPrefix("vmlinux: the vmlinux of another kernel: found 'Linux version 4.18"), "\(text)")
    // Neither can be compared: nothing is taken on trust.
    vmlinux[".rodata"] = nil
    files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    #expect(try files.refusal(by: host).hasPrefix("vmlinux: nothing in the dump says whether"))
  }

  @Test(arguments: ["6.1", "4.18", "7.3"])
  func anotherBuildOfTheKernelIsRefused(kernel: String) throws {
    let host = try Self.host(kernel)
    var vmlinux = try #require(host.vmlinux)
    let last = try #require(vmlinux[".notes"]?.bytes.indices.last)
    vmlinux[".notes"]?.bytes[last] ^= 0x10
    var files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    let text = try files.refusal(by: host)
    let own = host.kernel.buildID().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    #expect(text.hasPrefix("vmlinux: the vmlinux of another kernel: found build id "), "\(text)")
    #expect(text.contains("expected \(own)") && text.hasSuffix("give the vmlinux of \(kernel).0-recipe-amd64"))
  }

  @Test func anotherBuildOfAModuleIsRefused() throws {
    for kernel in ["6.1", "7.3"] {
      let host = try Self.host(kernel)
      var module = try #require(host.moduleFile("kvm"))
      let last = try #require(module[".note.gnu.build-id"]?.bytes.indices.last)
      module[".note.gnu.build-id"]?.bytes[last] ^= 1
      var files = try GivenFiles()
      try files.add(module, as: "kvm.ko")
      let text = try files.refusal(by: host)
      #expect(text.hasPrefix("kvm.ko: another build of the module kvm: found build id "), "\(text)")
    }
  }

  @Test func aModuleOfAnotherReleaseIsRefused() throws {
    var files = try GivenFiles()
    try files.add(try Self.host("6.12").moduleFile("kvm_intel"), as: "kvm-intel.ko")
    let text = try files.refusal(by: try Self.host("6.1"))
    #expect(
      text == "kvm-intel.ko: the module kvm_intel of another kernel: found 6.12.0-recipe-amd64, expected "
        + "6.1.0-recipe-amd64, as the dump has; give the module of that kernel")
  }

  /// A file whose addresses are not the running kernel's is refused, whatever its build id says.
  @Test func addressesThatDoNotAgreeAreRefused() throws {
    let host = try Self.host("6.1")
    var vmlinux = try #require(host.vmlinux)
    let index = try #require(vmlinux.symbols.firstIndex { $0.name == "init_uts_ns" })
    vmlinux.symbols[index].value += 64
    var files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    let text = try files.refusal(by: host)
    #expect(text.contains("init_uts_ns is moved by ") && text.contains(" as KERNELOFFSET"), "\(text)")
  }

  /// One entry of the dump's table of addresses, changed so that all others still agree.
  @Test func aDamagedAddressIsTheFiles() throws {
    var host = try Self.host("6.1")
    let table = try #require(host.structures("kallsyms_offsets").first?.parts.first)
    let base = try #require(host.structures("kallsyms_relative_base").first?.parts.first)
    let truth = host.kernel.stext + BuiltKernel.DataPlace.modules
    let entry = UInt32(truncatingIfNeeded: host.memory.load(base.lowerBound) &- 1 &- truth)
    let place = try #require(
      stride(from: table.lowerBound, to: table.upperBound, by: 4).first { place in
        host.memory.bytes(at: place, count: 4).load(0) == entry
      })
    host.space.memory.write(LittleEndian.bytes(entry ^ 0x100), at: place)
    var files = try GivenFiles()
    try files.add(host.vmlinux, as: "vmlinux")
    let opened = try files.open()
    let dump = try openHostDump(path: files.directory.write(host.kdump(.raw), as: "host.dump"))
    let info = try #require(dump.vmcoreinfo)
    let kernel = try LinuxKernel(vmcoreinfo: info, memory: HostMemory(dump))
    let alone = try DescribedKernel(kernel, info)
    let file = try KernelFile(opened, #require(opened.kernel), info, kernel)
    let filled = try DescribedKernel(kernel, info, file: file)
    #expect(try alone.symbol("modules").rawValue == truth ^ 0x100)
    #expect(try filled.symbol("modules").rawValue == truth)
    #expect(opened.log[files.paths[0]].given == ["symbols": "kallsyms has another modules"])
    #expect(try filled.symbol("btf_modules") == alone.symbol("btf_modules"))
  }

  @Test func aModuleThatIsNotLoadedIsLeftAside() throws {
    let host = try Self.host("6.1")
    let good = try #require(host.moduleFile("kvm_intel"))
    var other = good
    let info = String(decoding: good[".modinfo"]?.bytes ?? [], as: UTF8.self)
    other[".modinfo"]?.bytes = Array(info.replacing("name=kvm_intel", with: "name=kvm_amd").utf8)
    var files = try GivenFiles()
    try files.add(other, as: "kvm-amd.ko")
    #expect(try proofs(host, files) == [nil])
  }

  /// There the kernel is that whose VMCOREINFO its own image leads to, and the files are held against it.
  @Test func withoutVMCOREINFOTheKernelThatIsFoundProvesTheFiles() throws {
    let host = try HostRecipe("host ram 24M symbols types\nguest a ram 0-2M nolinux\nno vmcoreinfo").build()
    var options = SplitRun.Options()
    let files = try GivenFiles(of: host)
    options.symbols = try files.open()
    let run = try SplitRun(host, options)
    #expect(run.manifest.guests.count == 1)
    #expect(run.manifest.warnings.filter { $0.code == .symbols }.isEmpty)
    #expect(run.manifest.discovery?.files?.count == 3)
    #expect(run.manifest.discovery?.files?.allSatisfy { $0.proof != nil } == true)
  }

  /// Nothing says which kernel a dump is of that has no VMCOREINFO, and no VMCS of a host's kernel.
  @Test func withoutAKernelNothingIsUsed() throws {
    let host = try HostRecipe("host ram 24M symbols types unknown-layout 0x5a5a51\nguest a ram 0-2M nolinux").build()
    let files = try GivenFiles(of: host)
    let word = try HostWord(nil, BuiltMemory(host), .init(files: try files.open()))
    #expect(word.kernel == nil && word.listed == nil)
    #expect(word.fileRemarks.count == 3)
  }
}
