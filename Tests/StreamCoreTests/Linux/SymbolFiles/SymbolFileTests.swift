import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// What is no file of a kernel is refused by name; what is hostile is refused or read, and never traps.
@Suite struct SymbolFileTests {
  static let host = Result {
    try HostRecipe("host ram 24M kernel 6.1 symbols types\nguest a ram 0-2M nolinux").build()
  }

  private func refusal(_ bytes: [UInt8]) throws -> String {
    var files = try GivenFiles()
    try files.add(bytes: bytes, as: "given")
    return files.refusal()
  }

  @Test(
    arguments: [
      ([0x1f, 0x8b, 8], "compressed with gzip"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "compressed with xz"),
      ([0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd"), (Array("BZh9".utf8), "compressed with bzip2"),
      ([0x04, 0x22, 0x4d, 0x18], "compressed with lz4"), ([0x9f, 0xeb, 1, 0], "BTF alone"),
      (Array("!<arch>\n".utf8), "a package or an archive"), (Array("KDUMP   ".utf8), "a dump"), ([], "empty"),
      (Array("ffffffff81000000 T _text\n".utf8), "no ELF file, it begins with 66 66 66"),
    ] as [([UInt8], String)])
  func whatIsNoELFFileIsCalledWhatItIs(bytes: [UInt8], what: String) throws {
    let text = try refusal(bytes + [UInt8](repeating: 0, count: bytes.isEmpty ? 0 : 600))
    #expect(text.hasPrefix("given: " + what) && text.contains("expected"), "\(text)")
  }

  @Test func aCompressedKernelIsToldFromOtherFiles() throws {
    var bytes = [UInt8](repeating: 0x4d, count: 0x400)
    bytes.replaceSubrange(0x202..<0x206, with: "HdrS".utf8)
    #expect(try refusal(bytes).contains("scripts/extract-vmlinux"))
  }

  @Test func whatIsNoKernelOfThisMachineIsRefused() throws {
    let vmlinux = try #require(try Self.host.get().vmlinux)
    var other = vmlinux
    other.machine = 183
    #expect(try refusal(other.bytes).contains("of another machine; expected one of x86_64"))
    other = vmlinux
    other.identity = [1, 1]
    #expect(try refusal(other.bytes).contains("of another machine"))
    other.identity = [2, 2]
    #expect(try refusal(other.bytes).contains("of another machine"))
    other = vmlinux
    other.type = 4
    #expect(try refusal(other.bytes).contains("a dump (ELF core)"))
    other.type = 7
    #expect(try refusal(other.bytes).contains("an ELF file of type 7; expected 1"))
    let program = ElfObject(type: 3, [.init(".text", flags: 6, [0xc3])], [.init("main", 0, in: ".text")])
    #expect(try refusal(program.bytes).contains("a program or library; expected the vmlinux"))
    let object = ElfObject(type: 1, program.sections, program.symbols)
    #expect(try refusal(object.bytes).contains("an object file that is no kernel module"))
  }

  @Test func aFileGivenTwiceIsRefused() throws {
    let host = try Self.host.get()
    var files = try GivenFiles(of: host)
    #expect(files.refusal() == "")
    let paths = files.paths
    #expect(throws: SymbolFileError.refused(path: paths[0], why: "given twice; give it once")) {
      try SymbolFiles(paths: paths + [paths[0]])
    }
    try files.add(host.vmlinux, as: "again")
    #expect(files.refusal().contains("again: a second vmlinux beside "))
    files = try GivenFiles(of: host)
    try files.add(host.moduleFile("kvm"), as: "kvm-again.ko")
    #expect(files.refusal().contains("kvm-again.ko: a second file of the module kvm beside "))
  }

  @Test func whatCannotBeOpenedSaysSo() {
    #expect(throws: SymbolFileError.unreadable(SystemError(call: "open", path: "/nothing/there", code: 2))) {
      try SymbolFiles(paths: ["/nothing/there"])
    }
  }

  @Test func aCutFileIsRefusedWhereverItIsCut() throws {
    let whole = try #require(try Self.host.get().vmlinux).bytes
    var random = SplitMix64(seed: 5)
    for length in [4, 40, 63, 64, 65, whole.count - 1, whole.count - 64]
      + (0..<40).map({ _ in
        Int(random.below(UInt64(whole.count)))
      }) where length >= 4
    {
      let text = try refusal(Array(whole[..<length]))
      #expect(text.contains("cut: ") || text.contains("of another machine"), "\(length): \(text)")
    }
    // A section that the table has, and not the file.
    var file = try #require(try Self.host.get().vmlinux)
    file[".BTF"]?.size = UInt64(whole.count)
    #expect(try refusal(file.bytes).contains("cut: a section should end at byte"))
    file[".BTF"]?.size = .max
    #expect(try refusal(file.bytes).contains("cut: a section should end at byte 0xffffffffffffffff"))
  }

  @Test func namesAreFoundWithTheirValuesMappedOrRead() throws {
    let host = try Self.host.get()
    let files = try GivenFiles(of: host)
    for mapped in [true, false] {
      let symbols = try #require(try files.open(mapped: mapped).kernel?.symbols)
      let found = symbols.values(of: ["_stext", "init_uts_ns", "vm_list", "_ste", "stext", ""])
      let start: UInt64 = 0xffff_ffff_8100_0000
      #expect(found.mapValues { $0.map(\.value) } == ["_stext": [start], "init_uts_ns": [start + 0xa140]])
    }
  }

  /// Values of one name are told apart up to a limit, whatever a file claims.
  @Test func oneNameAThousandTimesIsBounded() throws {
    var vmlinux = try #require(try Self.host.get().vmlinux)
    vmlinux.symbols += (0..<1000).map { .init("vm_list", 0xffff_ffff_8200_0000 + $0 * 8, in: ".data") }
    var files = try GivenFiles()
    try files.add(vmlinux, as: "vmlinux")
    #expect(try files.open().kernel?.symbols?.values(of: ["vm_list"])["vm_list"]?.count == 64)
  }

  /// Bytes of headers, notes, symbols, names and types changed at random: refused, or read to an end.
  @Test func threeThousandDamagedFilesAreRefusedOrRead() throws {
    let host = try Self.host.get()
    let directory = try RecipeDirectory()
    let dump = try openHostDump(path: directory.write(host.kdump(.raw), as: "host.dump"))
    let info = try #require(dump.vmcoreinfo)
    let memory = HostMemory(dump)
    let kernel = try LinuxKernel(vmcoreinfo: info, memory: memory)
    let own = try DescribedKernel(kernel, info, modules: ["kvm_intel", "kvm"])
    let base = try BTF(#require(host.spec.fullDescription).types)
    var random = SplitMix64(seed: 31)
    var read = 0
    for (object, count) in [(host.vmlinux, 1000), (host.moduleFile("kvm_intel"), 2000)] {
      let good = try #require(object).bytes
      let table = Int(good.load(40, as: UInt64.self) ?? 0)
      for _ in 0..<count {
        var bytes = good
        for _ in 0...random.below(4) {
          let place: Int
          switch random.below(4) {
          case 0: place = Int(random.below(64))
          case 1: place = table + Int(random.below(UInt64(good.count - table)))
          default: place = Int(random.below(UInt64(good.count)))
          }
          switch random.below(3) {
          case 0: bytes[place] ^= 1 << UInt8(random.below(8))
          case 1: bytes[place] = UInt8(random.below(256))
          default: for byte in place..<min(place + 8, bytes.count) { bytes[byte] = 0xff }
          }
        }
        let path = try directory.write(bytes, as: "given")
        guard let opened = try? SymbolFiles(paths: [path], mapped: random.below(2) == 0) else { continue }
        read += 1
        if let file = opened.kernel, let proven = try? KernelFile(opened, file, info, kernel) {
          _ = proven.symbols(expecting: ["vm_list", "modules"])?.values(of: ["init_task", "_stext"])
        }
        for file in opened.all {
          let types = try? file.typeBytes()
          _ = types.flatMap { try? BTF($0, base: file.kind == .kernel ? nil : base.end) }
        }
        var described = own
        try? described.add(opened, info)
        _ = described.moduleFiles["kvm_intel"]?.values(of: ["vmx_vmexit", "current_vmcs"])
      }
    }
    #expect(read > 500 && read < 3000)
  }
}
