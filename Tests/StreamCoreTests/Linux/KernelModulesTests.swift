import Testing

@testable import StreamCore

@Suite struct KernelModulesTests {
  static let head: UInt64 = 0xffff_ffff_8000_1000
  static let offsets = ModuleOffsets(
    list: 8, name: 24, kallsyms: 544, symtab: 0, numSymtab: 8, strtab: 16, typetab: 24)

  private static func module(_ number: UInt64) -> UInt64 { 0xffff_ffff_c000_0000 + number << 16 }

  /// Three modules in a list. The last has symbols.
  private static func host() -> KVMTestHost {
    var host = KVMTestHost()
    for number in 0..<3 as Range<UInt64> {
      for page in 0..<2 as Range<UInt64> {
        host.map(module(number) + page << 12, to: 0x600_0000 + number << 16 + page << 12)
        host.memory.store(0, at: 0x600_0000 + number << 16 + page << 12)
      }
      write("mod\(number)", at: module(number) + 24, to: &host)
    }
    let ring = [head] + (0..<3).map { module($0) + 8 }
    for (place, node) in ring.enumerated() {
      put(ring[(place + 1) % 4], at: node, in: &host)
      put(ring[(place + 3) % 4], at: node + 8, in: &host)
    }
    let tables = module(2) + 600
    put(tables, at: module(2) + 544, in: &host)
    put(module(2) + 0x400, at: tables, in: &host)
    put(5, at: tables + 8, in: &host)
    put(module(2) + 0x1000, at: tables + 16, in: &host)
    put(module(2) + 0x1100, at: tables + 24, in: &host)
    write("\0vm_list\0current_vmcs\0printk\0", at: module(2) + 0x1000, to: &host)
    write("?ba?t", at: module(2) + 0x1100, to: &host)
    let symbols: [(name: UInt64, section: UInt64, value: UInt64)] = [
      (0, 0, 0), (1, 5, 0xffff_ffff_c002_0f00), (9, 7, 0xffff_ffff_8180_2170), (22, 0, 0xffff_ffff_8100_0000),
      (1, 5, 0xffff_ffff_c002_0f00),
    ]
    for (number, symbol) in symbols.enumerated() {
      let place = module(2) + 0x400 + UInt64(number) * 24
      put(symbol.name | symbol.section << 48, at: place, in: &host)
      put(symbol.value, at: place + 8, in: &host)
    }
    return host
  }

  /// `poke`, for the modules' pages too.
  private static func put(_ value: UInt64, at address: UInt64, in host: inout KVMTestHost) {
    if address < module(0) { return host.poke(value, at: address) }
    host.memory.store(value, at: 0x600_0000 + (address - module(0)))
  }

  private static func write(_ text: String, at address: UInt64, to host: inout KVMTestHost) {
    let bytes = Array(text.utf8) + Array(repeating: 0, count: 8)
    for place in stride(from: 0, to: text.utf8.count, by: 8) {
      put(bytes.load(place) ?? 0, at: address + UInt64(place), in: &host)
    }
  }

  private static func modules(_ host: KVMTestHost) throws -> KernelModules {
    KernelModules(head: VirtualAddress(rawValue: head), kernel: try host.kernel(), offsets: offsets)
  }

  @Test func `modules and their symbols are found, used ones are left out, per-CPU ones told`() throws {
    let host = Self.host()
    let modules = try Self.modules(host)
    #expect(modules.modules.map(\.name) == ["mod0", "mod1", "mod2"])
    #expect(modules.cut == nil && modules.nameless.isEmpty)
    let module = try #require(modules["mod2"])
    #expect(module.rawValue == Self.module(2))
    let symbols = try ModuleSymbols(of: module, kernel: try host.kernel(), offsets: Self.offsets)
    #expect(symbols.count == 5 && symbols.unread == nil)
    let list = VirtualAddress(rawValue: 0xffff_ffff_c002_0f00)
    #expect(
      symbols.values(of: ["vm_list", "current_vmcs", "printk", "vm_lis", ""]) == [
        "vm_list": [.address(list)], "current_vmcs": [.perCPU(0xffff_ffff_8180_2170)],
      ])
    #expect(symbols.addresses(of: ["vm_list", "current_vmcs"]) == ["vm_list": list])
  }

  @Test func `a hole in the list is told, and the modules behind it are found from the other end`() throws {
    var host = Self.host()
    host.memory.remove(0x601_0000 >> 12)
    let modules = try Self.modules(host)
    #expect(modules.modules.map(\.name) == ["mod0", "mod2"])
    #expect(modules.cut?.node.rawValue == Self.module(0) + 8)
  }

  @Test func `what a module's symbols lack is told by its place`() throws {
    func fault(_ host: KVMTestHost) throws -> ModuleSymbolsFault? {
      let kernel = try host.kernel()
      do throws(ModuleSymbolsFault) {
        _ = try ModuleSymbols(of: VirtualAddress(rawValue: Self.module(2)), kernel: kernel, offsets: Self.offsets)
      } catch { return error }
      return nil
    }
    let module = VirtualAddress(rawValue: Self.module(2))
    var host = Self.host()
    Self.put(0xffff_ffff, at: Self.module(2) + 608, in: &host)
    #expect(try fault(host) == .count(0xffff_ffff, of: module))
    Self.put(1 << 20, at: Self.module(2) + 608, in: &host)
    let end = VirtualAddress(rawValue: Self.module(2) + 0x2000)
    #expect(try fault(host) == .unreadable("symbols of \(module)", .unmapped(end)))
    Self.put(0x1234, at: Self.module(2) + 544, in: &host)
    let low = VirtualAddress(rawValue: 0x1234)
    #expect(try fault(host) == .unreadable("mod_kallsyms of \(module)", .noAddress(low)))
    host = Self.host()
    host.memory.remove(0x602_1000 >> 12)
    #expect(
      try fault(host)
        == .unreadable("symbols of \(module)", .absent(VirtualAddress(rawValue: Self.module(2) + 0x1100))))
  }

  @Test func `names that the dump lacks are not taken for names that are not there`() throws {
    var host = Self.host()
    host.memory.remove(0x602_1000 >> 12)
    var offsets = Self.offsets
    offsets.typetab = nil
    let symbols = try ModuleSymbols(
      of: VirtualAddress(rawValue: Self.module(2)), kernel: try host.kernel(), offsets: offsets)
    #expect(symbols.values(of: ["vm_list"]).isEmpty)
    #expect(symbols.unread == .absent(VirtualAddress(rawValue: Self.module(2) + 0x1000)))
  }
}
