import Foundation
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Hosts whose dumps lack what their kernels say of themselves, and files that say it.
@Suite struct SymbolFilesSplitTests {
  private static let kernels = ["6.1", "7.3", "5.14", "6.1 builtin", "6.1 la57"]

  private static func host(_ kernel: String, _ words: String = "symbols types") throws -> BuiltHost {
    try HostRecipe(
      """
      host ram 64M cpus 2 kernel \(kernel) \(words) seed 3
      guest a ram 0-4M linux 6.1.0-a
        vcpu halted
        vcpu running
      guest b ram 0-2M nolinux
      """
    ).build()
  }

  private func run(_ host: BuiltHost, _ files: GivenFiles) throws -> SplitRun {
    var options = SplitRun.Options()
    options.symbols = try files.open()
    return try SplitRun(host, options)
  }

  /// Expects all guests by the kernel's word, and what the files gave for it: "vmlinux symbols" and its like.
  private func expectWhole(_ host: BuiltHost, _ files: GivenFiles, _ given: Set<String>, _ what: String) throws {
    let run = try run(host, files)
    let discovery = try #require(run.manifest.discovery)
    #expect(discovery.way == "kernel" && discovery.why == nil, "\(what): \(discovery)")
    let gives = (discovery.files ?? []).flatMap { file in (file.gives ?? [:]).keys.map { "\(file.of) \($0)" } }
    #expect(Set(gives) == given, "\(what): \(discovery.files ?? [])")
    for guest in host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.exitStatus == .complete, "\(what): \(run.manifest.warnings)")
    // The guest without Linux.
    #expect(run.manifest.warnings.map(\.code) == [.no_identity], "\(what): \(run.manifest.warnings)")
  }

  @Test(arguments: kernels)
  func filesThatAreNotNeededChangeNothing(kernel: String) throws {
    let host = try Self.host(kernel)
    let files = try GivenFiles(of: host)
    try expectWhole(host, files, [], kernel)
    #expect(try run(host, files).files() == SplitRun(host).files())
  }

  @Test(arguments: kernels)
  func damagedNamesAndTypesAreFilled(kernel: String) throws {
    let good = try Self.host(kernel)
    let files = try GivenFiles(of: good)
    let names = try #require(good.structures("kallsyms_token_index").first)
    let types = try #require(good.structures("BTF types", of: "").first)
    for (structures, given) in [
      ([names], ["vmlinux symbols"]), ([types], ["vmlinux types"]),
      ([names, types], ["vmlinux symbols", "vmlinux types"]),
    ] {
      let torn = structures.reduce(good) { $0.overwriting($1, with: 0xff) }
      try expectWhole(torn, files, Set(given), "\(kernel): \(given) damaged")
      // The files alone make the difference.
      #expect(try SplitRun(torn).manifest.discovery?.way == "content")
    }
    // One byte, in a record that still parses: the offset of a member.
    var subtle = good
    let place = types.parts[0].lowerBound + UInt64(types.parts[0].count / 2 & ~3)
    subtle.space.memory.write([0x55], at: place)
    try expectWhole(subtle, files, ["vmlinux types"], "\(kernel): one byte")
  }

  @Test(arguments: ["6.1", "7.3", "5.14"])
  func whatTheMemoryNeverHadIsFilled(kernel: String) throws {
    var host = try Self.host(kernel, "types")
    try expectWhole(
      host, GivenFiles(of: host), ["vmlinux symbols", "kvm symbols"], "\(kernel) without kallsyms")
    host = try Self.host(kernel, "symbols")
    try expectWhole(
      host, GivenFiles(of: host), ["vmlinux symbols", "vmlinux types", "kvm types", "kvm_intel types"],
      "\(kernel) without BTF")
  }

  @Test(arguments: ["6.1", "7.3"])
  func aModulesOwnPartsAreFilled(kernel: String) throws {
    let good = try Self.host(kernel)
    let files = try GivenFiles(of: good)
    for (name, owner, given) in [
      ("BTF types", "kvm_intel", "kvm_intel types"), ("BTF header", "kvm", "kvm types"),
      ("symtab", "kvm", "kvm symbols"), ("btf_module", "kvm_intel", "kvm_intel types"),
      ("mod_kallsyms", "kvm", "kvm symbols"),
    ] {
      let structure = try #require(good.structures(name, of: owner).first, "\(name)")
      try expectWhole(good.overwriting(structure, with: 0xff), files, [given], "\(kernel): \(name) of \(owner)")
    }
  }

  /// A vmlinux without its table has types, and no way to them where the dump has no names.
  @Test func namesThatNobodyHasAreSaidToBeMissing() throws {
    let good = try Self.host("6.1")
    let names = try #require(good.structures("kallsyms_token_index").first)
    var vmlinux = try #require(good.vmlinux)
    vmlinux.symbols = []
    var files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    try expectWhole(good, files, [], "nothing is missing")
    let run = try run(good.overwriting(names, with: 0xff), files)
    #expect(run.manifest.discovery?.way == "content" && run.manifest.guests.count == 2)
    let told = run.manifest.warnings.first { $0.code == .symbols }
    #expect(told?.text.hasSuffix("is not used: it has no symbols (.symtab), which the dump lacks, too") == true)
  }

  /// A vmlinux with debug information alone has symbols and no types, and the way to some is named.
  @Test func typesThatNobodyHasAreSaidToBeMissing() throws {
    let good = try Self.host("6.1")
    let types = try #require(good.structures("BTF types", of: "").first)
    var vmlinux = try #require(good.vmlinux)
    vmlinux[".BTF"] = nil
    var files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    let run = try run(good.overwriting(types, with: 0xff), files)
    #expect(run.manifest.discovery?.way == "content")
    #expect(run.manifest.guests.count == 2)
    let told = run.manifest.warnings.first { $0.code == .symbols }?.text ?? ""
    #expect(
      told.contains("/vmlinux has no types (.BTF), only debug information, from which they are made by: "), "\(told)")
    #expect(run.manifest.exitStatus == .complete)
    // Types that cannot be read are none.
    vmlinux = try #require(good.vmlinux)
    vmlinux[".BTF"]?.bytes[0] = 0
    files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    try expectWhole(good, files, [], "nothing is missing")
    let other = try self.run(good.overwriting(types, with: 0xff), files)
    let text = other.manifest.warnings.first { $0.code == .symbols }?.text ?? ""
    #expect(text.hasSuffix("/vmlinux is not used: its types (.BTF): no BTF: the magic 0xeb9f is missing"), "\(text)")
  }

  /// With debug information a vmlinux is larger than memory may be: only what is needed of it is read.
  @Test func ofAHugeFileLittleIsRead() throws {
    let host = try Self.host("6.1")
    let names = try #require(host.structures("kallsyms_token_index").first)
    let object = try #require(host.vmlinux)
    var bytes = object.bytes
    let end = UInt64(bytes.count)
    let size: UInt64 = 5 << 30
    let index = try #require(object.sections.firstIndex { $0.name == ".debug_info" })
    let header = Int(try #require(bytes.load(40, as: UInt64.self))) + (index + 1) * 64
    bytes.replaceSubrange(header + 24..<header + 40, with: LittleEndian.bytes([end, size - end]))
    let directory = try RecipeDirectory()
    let dump = try directory.write(host.overwriting(names, with: 0xff).kdump(.lzo), as: "host")
    let file = try directory.write(bytes, as: "vmlinux")
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    try handle.truncate(atOffset: size)
    try handle.close()
    for options in [["list"], ["list", "--plain"]] {
      let outcome = try BuiltTool().run(options + [dump, "--symbols", file], in: directory)
      #expect(outcome.status == 0 && !outcome.messages.contains("by content"), "\(outcome.messages)")
      #expect(outcome.peak < 200 << 20)
    }
  }
}
