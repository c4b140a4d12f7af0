import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Real hosts whose kernels' names and types are damaged in the dump, and files made of what they have: the names of
/// /proc/kallsyms as they were linked, and the types of the dump.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealSymbolFileTests {
  /// The memory of a dump, with pages overwritten.
  struct Torn: PhysicalMemory {
    let memory: HostMemory
    let frames: Set<UInt64>

    func page(_ frame: UInt64) -> PageResult {
      guard frames.contains(frame), let page = Page([UInt8](repeating: 0xff, count: 4096)) else {
        return memory.page(frame)
      }
      return .page(page)
    }
  }

  private struct Host {
    let host: RealSymbolsTests.Host
    let described: DescribedKernel
    let start: VirtualAddress
    let types: [UInt8]
    var files: GivenFiles

    init(_ name: String) throws {
      host = try RealSymbolsTests.Host(name)
      let kernel = try host.kernel()
      described = try DescribedKernel(kernel, host.info, modules: ["kvm_intel", "kvm"], leads: KVMTypes.leads)
      let places = described.symbols.addresses(of: ["__start_BTF", "__stop_BTF"])
      start = try #require(places["__start_BTF"])
      let stop = try #require(places["__stop_BTF"])
      types = try kernel.read(start, count: Int(stop.rawValue - start.rawValue))
      files = try GivenFiles()
      try files.add(vmlinux(), as: "vmlinux")
    }

    private func vmlinux() throws -> ElfObject {
      let shift = try #require(host.info["KERNELOFFSET"].flatMap { UInt64($0, radix: 16) })
      let id = Array(try #require(host.info["BUILD-ID"]).utf8)
      let digits = try stride(from: 0, to: id.count, by: 2).map {
        try #require(UInt8(String(decoding: id[$0..<$0 + 2], as: UTF8.self), radix: 16))
      }
      var symbols: [ElfObject.Symbol] = []
      for (name, values) in host.truth where !name.contains(":") {
        for value in values { symbols.append(.init(name, value >> 63 == 1 ? value &- shift : value, in: ".text")) }
      }
      return ElfObject(
        type: 2,
        [
          .init(".text", type: 8, flags: 6, at: 0xffff_ffff_8100_0000, size: 1 << 24),
          .init(".notes", type: 7, ElfNotes.note(name: "GNU", type: 3, descriptor: digits)),
          .init(".BTF", at: start.rawValue &- shift, types), .init(".init.text", type: 8, flags: 6),
        ], symbols)
    }

    /// Frames of the image from a symbol's page on.
    func frames(of address: VirtualAddress, bytes: Int) throws -> [UInt64] {
      try stride(from: 0, to: bytes, by: 4096).map {
        try #require(described.kernel.translate(address &+ UInt64($0))).frame
      }
    }
  }

  @Test(arguments: ["haswell", "new7"])
  func `the kernel's word is the same with names and types from a file`(name: String) throws {
    let real = try Host(name)
    let info = real.host.info
    let whole = try HostWord(info, real.host.memory)
    let names = try real.frames(of: #require(info.symbol("kallsyms_token_index")), bytes: 1)
    let types = try real.frames(of: real.start, bytes: 3 * 4096)
    let middle = try real.frames(of: real.start &+ UInt64(real.types.count / 2), bytes: 1)
    for (frames, gives) in [
      ([], []), (names, ["symbols"]), (types, ["types"]), (middle, ["types"]), (names + types, ["symbols", "types"]),
    ] as [([UInt64], [String])] {
      let torn = Torn(memory: real.host.memory, frames: Set(frames))
      let files = try real.files.open()
      let word = try HostWord(info, torn, .init(files: files))
      #expect(word.why == nil && word.head == whole.head)
      // The file made here lacks KVM's list of MSRs, and where a type stands among all is a matter of the file.
      #expect(word.listed?.types.list == whole.listed?.types.list)
      #expect(word.listed?.types.table == whole.listed?.types.table)
      #expect(word.listed?.types.vcpu == whole.listed?.types.vcpu)
      #expect(word.listed?.types.arch == whole.listed?.types.arch)
      #expect(word.listed?.types.slots == whole.listed?.types.slots)
      #expect(word.listed?.claims.mapValues(\.kvm) == whole.listed?.claims.mapValues(\.kvm))
      #expect(word.listed?.vms.map(\.kvm) == whole.listed?.vms.map(\.kvm))
      let entry = files.log[real.files.paths[0]]
      #expect(entry.proof == "build id in VMCOREINFO")
      #expect(entry.given.keys.sorted() == gives, "\(entry)")
      guard frames.count > middle.count else { continue }
      #expect(try HostWord(info, torn).why != nil)
    }
  }

  @Test func `a file of another kernel is refused`() throws {
    let haswell = try Host("haswell")
    let other = try RealSymbolsTests.Host("new7")
    #expect(throws: SymbolFileError.self) {
      try HostWord(other.info, other.memory, .init(files: haswell.files.open()))
    }
  }

  @Test(arguments: ["haswell", "new7"])
  func `the sections of loaded modules are found, and their notes`(name: String) throws {
    let host = try RealSymbolsTests.Host(name)
    let described = try DescribedKernel(try host.kernel(), host.info, modules: ["kvm_intel", "kvm"])
    let list = try #require(described.loadedModules())
    for module in ["kvm", "kvm_intel"] {
      let sections = try ModuleSections(of: #require(list[module]), described.reader)
      let note = try #require(sections.places[".note.gnu.build-id"])
      let bytes = try described.kernel.read(note, count: 36)
      #expect(SymbolFile.buildID(of: Note.parse(bytes).notes)?.count == 40)
      // The sections' starts lie among the module's own symbols.
      let text = try #require(sections.places[".text"]).rawValue
      let own = host.truth.filter { $0.key.hasPrefix(module + ":") }.values.joined()
      #expect(own.contains { $0 >= text && $0 < text + 0x10000 })
      #expect(sections.places.count > 20 && sections.places.count < 100)
    }
  }
}
