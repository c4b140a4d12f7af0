import Foundation
import Testing

@testable import StreamCore

/// The files of haswell's kernel as its distribution ships them: vmlinux, kvm.ko and kvm-intel.ko.
@Suite(.enabled(if: ShippedFiles.folder != nil && KVMRealHost.isThere, "VMCS_SPLIT_SYMBOLS names no folder"))
struct ShippedFileTests {
  private static func path(_ name: String) -> String { (ShippedFiles.folder ?? "") + "/" + name }

  private func described(
    _ host: RealSymbolsTests.Host, _ memory: any PhysicalMemory, _ files: SymbolFiles
  ) throws -> DescribedKernel {
    let kernel = try LinuxKernel(vmcoreinfo: host.info, memory: memory)
    let file = try files.kernel.map { try KernelFile(files, $0, host.info, kernel) }
    var described = try DescribedKernel(
      kernel, host.info, modules: KVMTypes.modules, leads: KVMTypes.leads, file: file)
    try described.add(files, host.info)
    return described
  }

  @Test func `every symbol of the files is the running kernel's`() throws {
    let host = try RealSymbolsTests.Host("haswell")
    let files = try SymbolFiles(paths: ["vmlinux", "kvm.ko", "kvm-intel.ko"].map(Self.path))
    let kernel = try described(host, host.memory, files)
    #expect(files.all.allSatisfy { files.log[$0.path].given.isEmpty })
    #expect(files.all.map { files.log[$0.path].proof?.hasPrefix("build id") } == [true, true, true])
    let file = try KernelFile(files, #require(files.kernel), host.info, nil)
    let wanted = Set(host.truth.keys.filter { !$0.contains(":") }.sorted().prefix(3000))
    let found = try #require(file.symbols(expecting: wanted)).values(of: wanted)
    #expect(found.count > 2500)
    for (name, values) in found {
      let numbers = values.map { value in
        switch value {
        case .address(let address): address.rawValue
        case .perCPU(let offset): offset
        }
      }
      #expect(Set(numbers).isSuperset(of: host.truth[name] ?? []), "\(name)")
    }
    for module in ["kvm", "kvm_intel"] {
      let truth = host.truth.filter { $0.key.hasPrefix(module + ":") }
      let names = Set(truth.keys.map { String($0.dropFirst(module.count + 1)) })
      let own = try #require(kernel.moduleFiles[module]).values(of: names)
      #expect(own.count > 400)
      for (name, values) in own {
        guard truth[module + ":" + name]?.count == 1, values.count == 1 else { continue }
        #expect(values == [.address(VirtualAddress(rawValue: truth[module + ":" + name]?.first ?? 0))], "\(name)")
      }
    }
  }

  /// Names and types of the kernel, and of its modules, damaged in turn and together.
  @Test func `what is damaged is filled`() throws {
    let host = try RealSymbolsTests.Host("haswell")
    let whole = try HostWord(host.info, host.memory)
    let own = try described(host, host.memory, .none)
    let reader = own.reader
    func frames(_ address: VirtualAddress, _ count: Int) throws -> [UInt64] {
      try (0..<count).map { try #require(own.kernel.translate(address &+ UInt64($0 * 4096))).frame }
    }
    let places = own.symbols.addresses(of: ["__start_BTF", "btf_modules"])
    var torn: [(what: String, frames: [UInt64], gives: [String])] = [
      ("kallsyms", try frames(#require(host.info.symbol("kallsyms_names")), 4), ["vmlinux symbols"]),
      ("BTF", try frames(#require(places["__start_BTF"]), 8), ["vmlinux types"]),
    ]
    for node in KernelListWalk(head: try #require(places["btf_modules"]), kernel: own.kernel).nodes {
      let module = try reader.pointer("btf_module.module", at: node)
      let name = try reader.text("module.name", at: module)
      guard ["kvm", "kvm_intel"].contains(name) else { continue }
      let file = name == "kvm" ? "kvm.ko" : "kvm-intel.ko"
      let data = try reader.pointer("btf_module.btf->data", at: node)
      torn.append(("types of \(name)", try frames(data, 2), [file + " types"]))
      guard name == "kvm" else { continue }
      let table = try reader.pointer("module.kallsyms->symtab", at: module)
      torn.append(("symbols of kvm", try frames(table, 31), [file + " symbols"]))
    }
    #expect(torn.count == 5)
    torn.append(("all", torn.flatMap(\.frames), torn.flatMap(\.gives)))
    for (what, frames, gives) in torn {
      let files = try SymbolFiles(paths: ["vmlinux", "kvm.ko", "kvm-intel.ko"].map(Self.path))
      let memory = RealSymbolFileTests.Torn(memory: host.memory, frames: Set(frames))
      let word = try HostWord(host.info, memory, .init(files: files))
      #expect(word.why == nil && word.head == whole.head, "\(what): \(word.why ?? "")")
      let (types, expected) = (word.listed?.types, whole.listed?.types)
      #expect(types?.list == expected?.list && types?.table == expected?.table, "\(what)")
      #expect(types?.vcpu != nil && types?.vcpu == expected?.vcpu && types?.arch == expected?.arch, "\(what)")
      #expect(types?.roots == expected?.roots && types?.vmcs02 == expected?.vmcs02, "\(what)")
      #expect(word.listed?.claims.mapValues(\.kvm) == whole.listed?.claims.mapValues(\.kvm), "\(what)")
      let given = files.all.flatMap { file in files.log[file.path].given.keys.map { "\(file.name) \($0)" } }
      #expect(Set(given) == Set(gives), "\(what)")
      #expect(try HostWord(host.info, memory).why != nil || gives == ["kvm.ko types"], "\(what)")
    }
  }
}

enum ShippedFiles {
  static let folder = ProcessInfo.processInfo.environment["VMCS_SPLIT_SYMBOLS"]
}
