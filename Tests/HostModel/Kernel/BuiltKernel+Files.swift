extension BuiltKernel {
  /// The build id of this kernel, 20 bytes, and those of its modules.
  public func buildID(of module: String? = nil) -> [UInt8] {
    let seed = (module ?? description.release).utf8.reduce(0x1d as UInt64) { SplitMix64.mix($0 ^ UInt64($1)) }
    return Array((0..<3).flatMap { LittleEndian.bytes(SplitMix64.mix(seed + $0)) }.prefix(20))
  }

  /// NT_GNU_BUILD_ID.
  static func note(_ buildID: [UInt8]) -> [UInt8] { ElfNotes.note(name: "GNU", type: 3, descriptor: buildID) }

  var banner: [UInt8] {
    Array("Linux version \(description.release) (recipe@host) (gcc 12.2.0) \(description.version)\n".utf8) + [0]
  }

  /// The vmlinux that this kernel was started from, with all that its description says: addresses as they were linked.
  public func vmlinux(_ own: KernelSelfDescription) -> ElfObject {
    let start = BuiltKernel.textBase + 0x100_0000
    let perCPU = description.hasLinkedPerCPU ? start + DataPlace.perCPUStart : 0
    typealias Section = ElfObject.Section
    let sections = [
      Section(".text", type: 8, flags: 6, at: start, size: 0x10_0000),
      Section(".notes", type: 7, at: start + DataPlace.notes, BuiltKernel.note(buildID())),
      Section(".rodata", at: start + DataPlace.banner, banner),
      Section(".BTF", at: start + DataPlace.types, own.types),
      Section(".data", type: 8, flags: 3, at: start + DataPlace.initTask, size: 0x10_0000),
      Section(".data..percpu", type: 8, flags: 3, at: perCPU, size: 0x4_0000),
      Section(".init.text", type: 8, flags: 6, at: start + 0x30_0000, size: 0x1000),
      Section(".debug_info", flags: 0, [1, 2, 3]),
    ]
    let image = imageSymbols(own).map { ElfObject.Symbol($0.name, $0.value - offset, in: ".data") }
    let areas = perCPUSymbols(own).map { symbol in
      ElfObject.Symbol(
        symbol.name, symbol.value - (description.hasLinkedPerCPU ? offset : 0), in: ".data..percpu")
    }
    let others = [
      ElfObject.Symbol("linux_banner", start + DataPlace.banner, in: ".rodata"),
      ElfObject.Symbol("__per_cpu_end", perCPU + 0x4_0000, in: ".data..percpu"),
      ElfObject.Symbol("vm_list", 0, in: ""),
    ]
    return ElfObject(type: 2, sections, image + areas + others)
  }
}

extension KVMModule {
  /// The file of one of the host's modules.
  public func moduleFile(_ name: String, _ own: KernelSelfDescription, of kernel: BuiltKernel) -> ElfObject {
    let sections = Self.sections(of: name, self)
    let release = kernel.description.release
    let info = "license=GPL\0name=\(name)\0vermagic=\(release) SMP preempt mod_unload \0"
    let types = own.modules.first { $0.name == name }?.types ?? []
    var all = sections.map { ElfObject.Section($0.name, type: 8, flags: 3, size: 4096) }
    all += [
      ElfObject.Section(Self.noteSection, type: 7, BuiltKernel.note(kernel.buildID(of: name))),
      ElfObject.Section(".modinfo", Array(info.utf8)),
      ElfObject.Section(".gnu.linkonce.this_module", flags: 3, [UInt8](repeating: 0, count: 64)),
      ElfObject.Section(".BTF", flags: 0, types),
    ]
    let symbols = symbols(of: name, kernel: kernel).compactMap { symbol in
      sections.first { (0..<4096).contains(symbol.value &- $0.address) }.map { section in
        ElfObject.Symbol(symbol.name, symbol.value - section.address, in: section.name)
      }
    }
    return ElfObject(type: 1, all, symbols + [ElfObject.Symbol("_printk", 0, in: "")])
  }

  static let noteSection = ".note.gnu.build-id"

  /// A module's code and data, where it has some.
  private static func sections(of name: String, _ module: KVMModule) -> [(name: String, address: UInt64)] {
    let text = (".text", module.vmexit & ~0xfff)
    switch name {
    case "kvm": return [text, (".bss", module.listPage.virtual)]
    case "kvm_intel", "kvm_amd": return [text]
    default: return []
    }
  }

  /// `struct module_sect_attrs` of a module, and its note. Source: kernel/module/sysfs.c of 6.1 and 7.3.
  func writeSections(
    of name: String, _ shape: KernelShape, kernel: BuiltKernel, in page: BuiltKernel.Mapping,
    to memory: inout SparseMemory
  ) {
    let table: UInt64 = 2048
    let names: UInt64 = 2560
    let note: UInt64 = 3072
    memory.write(BuiltKernel.note(kernel.buildID(of: name)), at: page.physical(note))
    memory.store(page.virtual + table, at: page.physical(shape.moduleKallsyms + 8))
    if shape.hasPlainSections {
      memory.write(kernel.buildID(of: name), at: page.physical(shape.moduleKallsyms + 56))
    }
    let all = [(name: Self.noteSection, address: page.virtual + note)] + Self.sections(of: name, self)
    if !shape.hasPlainSections { memory.store(UInt64(all.count), at: page.physical(table + 40), width: 4) }
    for (index, section) in all.enumerated() {
      let entry = table + shape.sectionsPlace + UInt64(index) * shape.sectionSize
      let text = names + UInt64(index) * 32
      memory.write(Array(section.name.utf8) + [0], at: page.physical(text))
      memory.store(page.virtual + text, at: page.physical(entry))
      memory.store(section.address, at: page.physical(entry + (shape.hasPlainSections ? 24 : 64)))
    }
  }
}
