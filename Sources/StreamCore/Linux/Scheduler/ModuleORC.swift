/// The modules' own tables of how to find a caller, by where their code stands. Source: include/linux/module.h;
/// arch/x86/include/asm/module.h, mod_arch_specific; arch/x86/kernel/unwind_orc.c, unwind_module_init.
struct ModuleORC: Sendable {
  /// One module's code, and the rules for it.
  private let tables: [(text: Range<UInt64>, orc: ORCTable?)]

  /// Bytes of a module's code at most.
  private static let textLimit: UInt64 = 1 << 30
  /// Modules that are looked at.
  private static let moduleLimit = 4096

  /// - Parameter own: the kernel's.
  init(_ kernel: DescribedKernel, _ own: ORCTable?) {
    let types = kernel.types
    let reader = kernel.reader
    // Since 6.4 the code is the first of several kinds of memory.
    let base = types.place("module.mem[0].base", "module.core_layout.base")
    let size = types.place("module.mem[0].size", "module.core_layout.text_size")
    let count = types.place("module.arch.num_orcs")
    let places = types.place("module.arch.orc_unwind_ip")
    let rules = types.place("module.arch.orc_unwind")
    var tables: [(text: Range<UInt64>, orc: ORCTable?)] = []
    for module in kernel.loadedModules()?.modules.prefix(Self.moduleLimit) ?? [] {
      guard let start = try? reader.pointer(base, at: module.address).rawValue,
        let length = try? reader.value(size, at: module.address), (1...Self.textLimit).contains(length),
        LinuxKernel.isImageOrModule(VirtualAddress(rawValue: start)), start <= .max - length
      else { continue }
      var table: ORCTable?
      if let number = try? reader.value(count, at: module.address),
        let places = try? reader.pointer(places, at: module.address),
        let rules = try? reader.pointer(rules, at: module.address)
      {
        table = own?.module(places: places, rules: rules, count: number)
      }
      tables.append((start..<start + length, table))
    }
    self.tables = tables
  }

  /// Whether it is the code of one of them.
  func contains(_ address: UInt64) -> Bool { tables.contains { $0.text.contains(address) } }

  func rule(at address: UInt64) -> ORCTable.Rule? {
    tables.first { $0.text.contains(address) }?.orc?.rule(at: address)
  }
}
