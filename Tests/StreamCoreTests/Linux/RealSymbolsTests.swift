import Foundation
import Testing

@testable import StreamCore

/// Symbols of real hosts, against /proc/kallsyms as it was when the host ran.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealSymbolsTests {
  struct Host {
    let memory: HostMemory
    let info: VMCoreInfo
    /// Values by name, of the core kernel's symbols, and of modules' by "module:name".
    let truth: [String: Set<UInt64>]

    init(_ name: String) throws {
      let folder = (KVMRealHost.folder ?? "") + "/" + name
      let dump = try openHostDump(path: folder + "/host.lzo.kdump")
      memory = HostMemory(dump)
      info = try #require(dump.vmcoreinfo)
      truth = try Self.symbols(folder + "/truth/host/kallsyms.xz")
    }

    func kernel() throws -> LinuxKernel { try LinuxKernel(vmcoreinfo: info, memory: memory) }

    /// VMCOREINFO as a kernel before 6.0 has it.
    func oldInfo() throws -> VMCoreInfo {
      let lines = info.text.split(separator: 0x0a).filter { !$0.starts(with: "SYMBOL(kallsyms_".utf8) }
      return try #require(VMCoreInfo(Array(lines.joined(separator: [0x0a]))))
    }

    private static func symbols(_ path: String) throws -> [String: Set<UInt64>] {
      let unpacking = Process()
      let output = Pipe()
      unpacking.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      unpacking.arguments = ["xz", "-dc", path]
      unpacking.standardOutput = output
      try unpacking.run()
      let text = try output.fileHandleForReading.readToEnd() ?? Data()
      unpacking.waitUntilExit()
      try #require(unpacking.terminationStatus == 0, "no xz, or it cannot unpack \(path): install xz-utils")
      var symbols: [String: Set<UInt64>] = [:]
      for line in String(decoding: text, as: UTF8.self).utf8.split(separator: UInt8(ascii: "\n")) {
        let words = line.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
        // Of modules, KVM's alone are asked for.
        guard words.count == 3 || words.count == 4 && words[3].starts(with: "[kvm".utf8),
          let value = UInt64(String(decoding: words[0], as: UTF8.self), radix: 16)
        else { continue }
        var name = String(decoding: words[2], as: UTF8.self)
        if words.count == 4 {
          name = String(decoding: words[3].dropFirst().dropLast(), as: UTF8.self) + ":" + name
        }
        symbols[name, default: []].insert(value)
      }
      return symbols
    }
  }

  private static func number(_ value: SymbolValue) -> UInt64 {
    switch value {
    case .address(let address): address.rawValue
    case .perCPU(let offset): offset
    }
  }

  private static func expect(_ symbols: KernelSymbols, _ host: Host, count: Int, perCPU: Int) {
    let names = host.truth.keys.filter { !$0.contains(":") }
    #expect(symbols.count == count)
    #if DEBUG
      // So many as are looked for by their first and last tokens; all of them take a minute.
      let step = names.count / 250 + 1
      let wanted = Set(names.sorted().enumerated().filter { $0.offset % step == 0 }.map(\.element))
    #else
      let wanted = Set(names)
    #endif
    let found = symbols.values(of: wanted)
    #expect(found.mapValues { Set($0.map(number)) } == host.truth.filter { wanted.contains($0.key) })
    let offsets = found.values.joined().filter { if case .perCPU = $0 { true } else { false } }
    #if !DEBUG
      #expect(offsets.count == perCPU)
    #else
      #expect(offsets.count <= perCPU)
    #endif
  }

  @Test(arguments: [
    ("haswell", 87_347, 359), ("mini", 38_080, 223), ("nested", 87_347, 359), ("stalled", 87_347, 359),
    ("new7", 197_553, 431),
  ])
  func `every symbol of the running kernel is found, by keys and by content`(
    name: String, count: Int, perCPU: Int
  ) throws {
    let host = try Host(name)
    let workers = Workers(count: 3)
    let byKeys = try KernelSymbols(of: try host.kernel(), vmcoreinfo: host.info, workers: workers)
    Self.expect(byKeys, host, count: count, perCPU: perCPU)
    #if DEBUG
      // Their kernel is haswell's.
      if name == "nested" || name == "stalled" { return }
    #endif
    let byContent = try KernelSymbols(
      searching: try host.kernel(), vmcoreinfo: try host.oldInfo(), workers: workers)
    Self.expect(byContent, host, count: count, perCPU: perCPU)
    #expect(byKeys.form == byContent.form)
    if name == "new7" {
      #expect(byKeys.form == .toEntry(table: try #require(host.info.symbol("kallsyms_offsets")).rawValue))
    }
  }

  /// Offsets by the dumps' own BTF.
  @Test(arguments: [("haswell", 544), ("nested", 544), ("new7", 904)] as [(String, UInt64)])
  func `the modules' symbols are the running kernel's`(name: String, kallsyms: UInt64) throws {
    let host = try Host(name)
    let kernel = try host.kernel()
    let head = try #require(KernelSymbols(of: kernel, vmcoreinfo: host.info).addresses(of: ["modules"])["modules"])
    let offsets = ModuleOffsets(
      list: 8, name: 24, kallsyms: kallsyms, symtab: 0, numSymtab: 8, strtab: 16, typetab: 24)
    let modules = KernelModules(head: head, kernel: kernel, offsets: offsets)
    #expect(modules.cut == nil && modules.nameless.isEmpty)
    for module in ["kvm", "kvm_intel"] {
      let truth = host.truth.filter { $0.key.hasPrefix(module + ":") }
      let symbols = try ModuleSymbols(of: try #require(modules[module]), kernel: kernel, offsets: offsets)
      let found = symbols.values(of: Set(truth.keys.map { String($0.dropFirst(module.count + 1)) }))
      #expect(symbols.unread == nil)
      for (name, values) in truth {
        let own = found[String(name.dropFirst(module.count + 1))] ?? []
        #expect(Set(own.map(Self.number)) == values, "\(name)")
      }
    }
  }
}
