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
    let told = run.manifest.warnings.first { $0.code == .symbols }
    #expect(
      told?.text.hasSuffix("/vmlinux has no types (.BTF), only debug information; pahole -J adds them") == true,
      "\(run.manifest.warnings)")
    #expect(run.manifest.exitStatus == .complete)
  }
}
