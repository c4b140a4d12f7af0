import HostModel
import HostRecipes
import Testing

/// A host that describes itself, walked by a reader that knows VMCOREINFO and nothing of the kernel's release.
@Suite struct SelfDescribedHostTests {
  private static func text(_ words: String) -> String {
    """
    host ram 96M cpus 2 \(words) seed 11
    guest web ram 0-4M 4G-4G+2M backing 2M linux 6.1.0-test
      vcpu stopped
      vcpu halted
    guest dead ram 0-2M nolinux dead
    guest db ram 0-2M backing 4K shuffled nolinux
      vcpu
    """
  }

  @Test(arguments: ["4.18", "5.10", "5.14", "6.1", "6.1-mini", "6.1-early", "6.12", "6.12-early", "7.3"])
  func theWayFromVMCOREINFOToEveryPageIsThere(kernel: String) throws {
    let host = try HostRecipe(Self.text("kernel \(kernel) symbols types")).build()
    try walk(host, form: KernelShape.of(host.shape).symbolForm)
  }

  @Test(arguments: KallsymsForm.allCases)
  func everyFormOfNamesLeadsThere(form: KallsymsForm) throws {
    let told = try HostRecipe(Self.text("kernel 6.12 symbols \(form.rawValue) types")).build()
    try walk(told, form: form)
    let silent = try HostRecipe(Self.text("kernel 5.10 symbols content \(form.rawValue) types")).build()
    #expect(!silent.kernel.vmcoreInfo.contains("kallsyms"))
    try walk(silent, form: form, byContent: true)
  }

  @Test func kvmCanBePartOfTheImage() throws {
    let host = try HostRecipe(Self.text("kernel 6.1-mini symbols types builtin")).build()
    #expect(host.vmList > 0xffff_ffff_8000_0000 && host.vmList < 0xffff_ffff_c000_0000)
    try walk(host, form: .perCPU)
  }

  @Test func symbolsWithoutTypesAndTypesWithoutSymbols() throws {
    let named = try HostRecipe(Self.text("kernel 6.1-mini symbols builtin")).build()
    let symbols = try #require(ToldSymbols(ToldMemory(named), form: .perCPU))
    #expect(symbols.values["vm_list"] == named.vmList)
    #expect(symbols.values["__start_BTF"] == nil)
    let typed = try HostRecipe(Self.text("kernel 5.10 types")).build()
    let memory = ToldMemory(typed)
    let start = typed.kernel.stext + BuiltKernel.DataPlace.types
    #expect(memory.bytes(start, 8) == [0x9f, 0xeb, 1, 0, 24, 0, 0, 0])
    #expect(!typed.kernel.vmcoreInfo.contains("kallsyms"))
  }

  /// The types of one structure as Documentation/kvm.md §8 has them.
  @Test(arguments: [
    ("6.1", ["kvm.mm": 72, "kvm.vm_list": 4472, "kvm.stats_id": 40456, "kvm_vcpu.arch.regs_dirty": 436]),
    ("6.12", ["kvm.memslots": 4376, "mm_struct.owner": 1152, "kvm_mmu.root.hpa": 56, "task_struct.pid": 2432]),
    (
      "7.3",
      [
        "kvm.mm": 56, "kvm.vcpu_array": 4376, "kvm_vcpu.pid": 112, "kvm_vcpu.arch.regs_dirty": 440,
        "kvm_vcpu.arch.cr3": 472, "kvm_vcpu.arch.efer": 528, "kvm_vcpu.arch.apic": 552, "kvm_vcpu.arch.mp_state": 612,
        "kvm_vcpu.arch.guest_fpu": 1760, "kvm_vcpu.arch.dr7": 2752, "vcpu_vmx.vt.exit_reason": 6544,
        "vcpu_vmx.vt.guest_state_loaded": 6564, "vcpu_vmx.nested.vmcs02": 7960, "vcpu_vmx.nested.cached_vmcs12": 7856,
        "kvm_memory_slot.gmem": 264, "mm_struct.arg_start": 728, "task_struct.comm": 3408,
      ]
    ),
    (
      "5.10",
      ["kvm.vcpus": 64, "kvm_memslots.used_slots": 1036, "kvm_memslots.memslots": 1040, "kvm_vcpu.arch.mmu": 928]
    ),
  ])
  func offsetsAreTheMeasuredOnes(kernel: String, wanted: [String: UInt64]) throws {
    let host = try HostRecipe("host ram 64M kernel \(kernel) symbols types builtin\nguest a ram 0-2M nolinux").build()
    let memory = ToldMemory(host)
    let symbols = try #require(ToldSymbols(memory, form: KernelShape.of(host.shape).symbolForm))
    let types = try #require(ToldTypes(try vmlinux(memory, symbols)))
    for (path, offset) in wanted { #expect(types.offset(path) == offset, "\(path)") }
  }

  private func vmlinux(_ memory: ToldMemory, _ symbols: ToldSymbols) throws -> [UInt8] {
    let start = try #require(symbols.values["__start_BTF"])
    return memory.bytes(start, Int(try #require(symbols.values["__stop_BTF"]) - start))
  }

  private func walk(_ host: BuiltHost, form: KallsymsForm, byContent: Bool = false) throws {
    let memory = ToldMemory(host)
    let symbols = try #require(ToldSymbols(memory, form: form, byContent: byContent))
    #expect(symbols.count > 3000)
    #expect((symbols.longest > 127) == KernelShape.of(host.shape).hasLongNames)
    // `mem_section` is what the symbol points at.
    let told = memory.keys.keys.compactMap { $0.hasPrefix("SYMBOL(") ? String($0.dropFirst(7).dropLast()) : nil }
    let both = told.filter { $0 != "mem_section" && symbols.values[$0] != nil }
    #expect(Set(both).isSuperset(of: ["_stext", "swapper_pg_dir", "init_top_pgt", "init_uts_ns"]))
    for name in both { #expect(symbols.values[name] == memory.symbol(name), "\(name)") }
    for name in FillerSymbols.names { #expect(symbols.values[name] != nil, "\(name)") }
    let info = try #require(symbols.values["vmcoreinfo_data"].flatMap { memory.number($0) })
    #expect(memory.text(info, most: 9) == "OSRELEASE")
    let base = try #require(symbols.values["page_offset_base"])
    #expect(memory.number(base) == host.kernel.directMap)
    let types = try #require(ToldTypes(try vmlinux(memory, symbols)))
    #expect(types.faults == [])
    let walk = ToldWalk(memory: memory, symbols: symbols, types: types)
    try walk.checkModules(of: host)
    try walk.checkProcesses(of: host)
    try walk.checkMachines(of: host)
  }
}
