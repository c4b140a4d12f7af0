extension KVMModule {
  /// The names of KVM's own things, apart from those of per-CPU areas.
  /// - Parameters:
  ///   - data: virtual address of its page of data.
  ///   - text: of its page of text.
  ///   - tellsConversion: whether pages are made private in place is a variable.
  static func symbols(
    data: UInt64, text: UInt64, hasReturnList: Bool, tellsConversion: Bool = false
  ) -> [KernelSymbol] {
    let list = [
      KernelSymbol("d", "kvm_uret_msrs_list", data + returnList),
      KernelSymbol("D", "kvm_nr_uret_msrs", data + returnCount),
    ]
    let mode = [KernelSymbol("D", "gmem_in_place_conversion", data + conversionPlace)]
    return [
      KernelSymbol("D", "vm_list", data + listPlace), KernelSymbol("d", "pvclock_gtod_data", data + timePlace),
      KernelSymbol("d", "kvm_vm_fops", data + 0x400),
      KernelSymbol("d", "kvm_vcpu_fops", data + 0x600), KernelSymbol("t", "vmx_vmexit", text + exitPlace),
    ] + (hasReturnList ? list : []) + (tellsConversion ? mode : [])
  }

  /// `f_op` of the files that stand for a VM and for its vCPUs.
  var machineOperations: UInt64 { listPage.virtual + 0x400 }
  var vcpuOperations: UInt64 { listPage.virtual + 0x600 }

  /// The lists `modules` and `btf_modules` of a kernel that describes itself, with names and types of each module.
  /// Source: kernel/module/internal.h, kernel/module/kallsyms.c and kernel/bpf/btf.c of Linux 6.1.
  mutating func writeModules<Space: FrameSpace>(
    kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    guard let own = kernel.description.selfDescription else { return }
    let image = kernel.image
    var modules = [(kernel.stext + BuiltKernel.DataPlace.modules, image + BuiltKernel.DataPlace.modules)]
    var types = [(kernel.stext + BuiltKernel.DataPlace.moduleTypes, image + BuiltKernel.DataPlace.moduleTypes)]
    for module in own.modules {
      let page = try kernel.moduleAlloc(pages: 1, in: &space)
      modules.append((page.virtual + KernelShape.moduleList, page.physical(KernelShape.moduleList)))
      structures.append(BuiltStructure("module", of: module.name, at: page.physical(0), size: KernelShape.moduleSize))
      space.memory.write(module.name.utf8, at: page.physical(KernelShape.moduleName))
      let place = own.shape.moduleKallsyms
      space.memory.store(page.virtual + KernelShape.moduleSize, at: page.physical(place))
      if own.symbols != nil {
        let parts = writeNames(
          symbols(of: module.name, kernel: kernel), in: page, from: KernelShape.moduleSize, to: &space.memory)
        structures += parts.map { BuiltStructure($0.name, of: module.name, parts: page.parts($0.bytes)) }
      }
      if module.name == "kvm" { writeCode(own.shape, in: page, to: &space.memory) }
      writeSections(of: module.name, own.shape, kernel: kernel, in: page, to: &space.memory)
      guard !module.types.isEmpty else { continue }
      // `btf_data` is NULL once the module is loaded.
      space.memory.store(UInt64(module.types.count), at: page.physical(place + 40), width: 4)
      types.append(try writeTypes(module, page: page.virtual, kernel: &kernel, in: &space))
    }
    for list in [modules, types] { BuiltKernel.close(list.map(\.0), at: list.map(\.1), in: &space.memory) }
  }

  func symbols(of module: String, kernel: BuiltKernel) -> [KernelSymbol] {
    let all = KVMModule.symbols(
      data: listPage.virtual, text: vmexit - KVMModule.exitPlace, hasReturnList: shape.hasReturnList,
      tellsConversion: shape.kvm.tellsConversion)
    switch module {
    case "kvm":
      return all.filter { $0.name != "vmx_vmexit" } + [KernelSymbol("t", "kvm_vcpu_halt", halt - KVMModule.haltReturn)]
    case "kvm_amd": return [KernelSymbol("t", "svm_vcpu_run", vmexit & ~0xfff + 0x100)]
    case "kvm_intel":
      return all.filter { $0.name == "vmx_vmexit" } + [
        KernelSymbol("d", "current_vmcs", kernel.perCPUSymbol(PerCPU.currentVMCS)),
        KernelSymbol("d", "loaded_vmcss_on_cpu", kernel.perCPUSymbol(PerCPU.loaded)),
      ]
    default: return [KernelSymbol("t", "\(module)_probe", vmexit & ~0xfff + 0x10_0000)]
    }
  }

  /// A return address in `kvm_vcpu_halt` of the module.
  public var halt: UInt64 { vmexit & ~0xfff + 0x200 + KVMModule.haltReturn }
  private static let haltReturn: UInt64 = 0x40

  /// Where kvm's code stands, and its ORC tables: every function has a frame of 64 bytes.
  private func writeCode(_ shape: KernelShape, in page: BuiltKernel.Mapping, to memory: inout SparseMemory) {
    let text = vmexit & ~0xfff
    memory.store(text, at: page.physical(KernelShape.moduleCode))
    memory.store(4096, at: page.physical(KernelShape.moduleCode + shape.codeSize), width: 4)
    let places: UInt64 = 3584
    let rules = places + 64
    memory.store(1, at: page.physical(KernelShape.moduleORC), width: 4)
    memory.store(page.virtual + places, at: page.physical(KernelShape.moduleORC + 8))
    memory.store(page.virtual + rules, at: page.physical(KernelShape.moduleORC + 16))
    memory.store(text &- (page.virtual + places), at: page.physical(places), width: 4)
    memory.store(64, at: page.physical(rules), width: 2)
    let type: UInt64 = shape.hasThreeBitTypes ? 2 : 0
    memory.store(shape.orcNumbers.sp | type << 8, at: page.physical(rules + 4), width: 2)
  }

  /// `struct mod_kallsyms` with its tables: ELF symbols, the first of which is none, and their names.
  /// - Returns: bytes of each, counted from the start of the page.
  private func writeNames(
    _ symbols: [KernelSymbol], in page: BuiltKernel.Mapping, from place: UInt64, to memory: inout SparseMemory
  ) -> [(name: String, bytes: Range<UInt64>)] {
    let table = place + 64
    let names = table + UInt64(symbols.count + 1) * 24
    memory.store(page.virtual + table, at: page.physical(place))
    memory.store(UInt64(symbols.count + 1), at: page.physical(place + 8), width: 4)
    memory.store(page.virtual + names, at: page.physical(place + 16))
    var text: [UInt8] = [0]
    for (index, symbol) in symbols.enumerated() {
      let entry = page.physical(table + UInt64(index + 1) * 24)
      memory.store(UInt64(text.count), at: entry, width: 4)
      // Local or global; function or object.
      memory.store(
        (symbol.type.isUppercase ? 0x10 : 0) | (symbol.type.lowercased() == "t" ? 2 : 1), at: entry + 4, width: 1)
      memory.store(3, at: entry + 6, width: 2)
      memory.store(symbol.value, at: entry + 8)
      if symbol.type.lowercased() == "t" { memory.store(0x80, at: entry + 16) }
      text += Array(symbol.name.utf8) + [0]
    }
    memory.write(text, at: page.physical(names))
    let types = names + UInt64(text.count)
    memory.store(page.virtual + types, at: page.physical(place + 24))
    memory.write(("?" + String(symbols.map(\.type))).utf8, at: page.physical(types))
    return [
      ("mod_kallsyms", place..<place + 32), ("symtab", table..<names), ("strtab", names..<types),
      ("typetab", types..<types + UInt64(symbols.count + 1)),
    ]
  }

  /// `struct btf_module` and `struct btf`; the data stand in vmalloc space, in scattered frames.
  /// - Returns: where the list's node stands, virtual and physical.
  private mutating func writeTypes<Space: FrameSpace>(
    _ module: KernelSelfDescription.Module, page: UInt64, kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> (UInt64, UInt64) {
    let object = try space.allocatePage()
    let node = object + 0x800
    let data = try kernel.vmalloc(pages: (module.types.count + 4095) / 4096, in: &space)
    for (number, frame) in data.frames.enumerated() {
      space.memory.write(
        block: Array(module.types[number * 4096..<min((number + 1) * 4096, module.types.count)]), at: frame << 12)
    }
    structures.append(BuiltStructure("btf_module", of: module.name, at: node, size: 48))
    structures.append(BuiltStructure("btf", of: module.name, at: object, size: 232))
    structures += BTFWriter.sections(of: module.types).map { section in
      BuiltStructure(section.name, of: module.name, parts: data.parts(section.bytes))
    }
    space.memory.store(data.virtual, at: object)
    space.memory.store(UInt64(module.types.count), at: object + KernelShape.btfDataSize, width: 4)
    space.memory.write(module.name.utf8, at: object + KernelShape.btfName)
    space.memory.store(1, at: object + 228, width: 1)
    space.memory.store(page, at: node + 16)
    space.memory.store(kernel.virtual(object), at: node + 24)
    return (kernel.virtual(node), node)
  }
}

extension BuiltKernel {
  /// A circular list of `struct list_head`: virtual addresses of its nodes, and where they stand.
  static func close(_ nodes: [UInt64], at places: [UInt64], in memory: inout SparseMemory) {
    for (index, place) in places.enumerated() {
      memory.store(nodes[(index + 1) % nodes.count], at: place)
      memory.store(nodes[(index + nodes.count - 1) % nodes.count], at: place + 8)
    }
  }
}
