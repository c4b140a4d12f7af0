import HostModel
import HostRecipes
import Testing

/// What the names and types of a host lead to, held against what was built.
struct ToldWalk {
  let memory: ToldMemory
  let symbols: ToldSymbols
  let types: ToldTypes

  private func offset(_ path: String) throws -> UInt64 { try #require(types.offset(path), "\(path)") }
  private func load(_ address: UInt64, _ path: String, _ width: Int = 8) throws -> UInt64 {
    try #require(memory.number(address + (try offset(path)), width), "\(path)")
  }

  private func symbol(_ name: String) throws -> UInt64 { try #require(symbols.values[name], "\(name)") }

  private func list(_ head: UInt64) throws -> [UInt64] {
    let nodes = memory.list(head)
    return try #require(nodes)
  }

  func checkModules(of host: BuiltHost) throws {
    let node = try offset("module.list")
    let modules = try list(symbol("modules")).map { $0 - node }
    let names = modules.map { memory.text($0 + (types.offset("module.name") ?? 0)) }
    let isBuiltIn = host.spec.isKVMBuiltIn
    #expect(names == (isBuiltIn ? [] : ["kvm_intel", "kvm"]) + ["virtio_net"])
    let own = try modules.flatMap { try elfSymbols(of: $0) } + symbols.values.map { ($0.key, $0.value) }
    #expect(own.first { $0.0 == "vm_list" }?.1 == host.vmList)
    let exit = try #require(own.first { $0.0 == "vmx_vmexit" }?.1)
    #expect(memory.bytes(exit - 8, 3) == [0x0f, 0x01, 0xc2])
    // A vCPU that runs is its CPU's current one.
    let current = try #require(own.first { $0.0 == "current_vmcs" }?.1)
    let offsets = try symbol("__per_cpu_offset")
    for vcpu in host.liveGuests.flatMap(\.vcpus) where vcpu.state == .running {
      let area = try #require(memory.number(offsets + UInt64(vcpu.hostCPU) * 8))
      #expect(memory.number(area &+ current) == host.kernel.virtual(vcpu.vmcs))
      #expect(vcpu.fields["HOST_GS_BASE"] == area)
    }
    let kept = try list(symbol("btf_modules"))
    guard KernelShape.of(host.shape).hasModuleTypes else { return #expect(kept == []) }
    #expect(kept.count == names.count)
    for (place, name) in zip(kept, names) {
      let btf = try load(place - (try offset("btf_module.list")), "btf_module.btf")
      #expect(memory.text(btf + (try offset("btf.name"))) == name)
      let size = try load(btf, "btf.data_size", 4)
      let module = try #require(types.adding(memory.bytes(try load(btf, "btf.data"), Int(size))))
      #expect(module.faults == [])
      guard name == "kvm_intel" else { continue }
      let shape = host.shape
      #expect(types.structure("vcpu_vmx") == nil && types.structure("loaded_vmcs") == nil)
      #expect(module.offset("vcpu_vmx.vmcs01.vmcs") == shape.vmcs01)
      #expect(module.offset("vcpu_vmx.msr_autoload.guest.val") == shape.autoload)
      #expect(module.offset("vcpu_vmx.msr_guest_kernel_gs_base") == shape.kernelGSBase)
      #expect(module.offset("vcpu_vmx.segment_cache.seg") == shape.segmentCache + 8)
      #expect(module.offset("loaded_vmcs.host_state.gs_base") == shape.loaded.hostState + 16)
      #expect(module.structure("vcpu_vmx").map { module.size($0) } == shape.size)
      #expect(module.structure("loaded_vmcs").map { module.size($0) } == shape.loadedVMCS - shape.vmcs01)
      for vcpu in host.liveGuests.flatMap(\.vcpus) {
        let place = host.kernel.virtual(vcpu.vcpuAddress)
        #expect(memory.number(place + (module.offset("vcpu_vmx.vmcs01.vmcs") ?? 0)) == host.kernel.virtual(vcpu.vmcs))
        let apic = try #require(memory.number(place + (try offset("kvm_vcpu.arch.apic"))))
        #expect(memory.number(apic + (try #require(module.offset("kvm_lapic.vcpu")))) == place)
      }
    }
  }

  private func elfSymbols(of module: UInt64) throws -> [(String, UInt64)] {
    let tables = try load(module, "module.kallsyms")
    let first = try load(tables, "mod_kallsyms.symtab")
    let names = try load(tables, "mod_kallsyms.strtab")
    let size = try #require(types.structure("elf64_sym").map { types.size($0) })
    return try (1..<(try load(tables, "mod_kallsyms.num_symtab", 4))).map { index in
      let entry = first + index * size
      return (
        memory.text(names + (try load(entry, "elf64_sym.st_name", 4))), try load(entry, "elf64_sym.st_value")
      )
    }
  }

  func checkProcesses(of host: BuiltHost) throws {
    let first = try symbol("init_task")
    let node = try offset("task_struct.tasks")
    let tasks = try list(first + node).map { $0 - node }
    let live = host.guests.filter { !$0.isDead }
    #expect(
      try tasks.map { try load($0, "task_struct.pid", 4) } == [1, 2] + live.compactMap { $0.vmm?.description.pid })
    #expect(memory.text(first + (try offset("task_struct.comm"))) == "swapper/0")
    #expect(try load(tasks[1], "task_struct.mm") == 0)
    for (task, guest) in zip(tasks.dropFirst(2), live) {
      #expect(memory.text(task + (try offset("task_struct.comm")), most: 16) == "qemu-system-x86")
      let mm = try load(task, "task_struct.mm")
      #expect(try load(mm, "mm_struct.owner") == task)
      let tables = try #require(host.translate(try load(mm, "mm_struct.pgd"), root: memory.root))
      #expect(tables == guest.processTables.root)
      let start = try load(mm, "mm_struct.arg_start")
      let end = try load(mm, "mm_struct.arg_end")
      let line = (start..<end).map { memory.byte($0, tables: tables) ?? 0 }
      let words = String(decoding: line, as: UTF8.self).split(separator: "\0")
      #expect(words.first == "qemu-system-x86_64" && words.contains("guest=\(guest.name),debug-threads=on"))
      let threads = try list(load(task, "task_struct.signal") + offset("signal_struct.thread_head"))
      let names = try threads.map { place in
        memory.text(place - (try offset("task_struct.thread_node")) + (try offset("task_struct.comm")))
      }
      #expect(Array(names.dropFirst()) == guest.vcpus.map { "CPU \($0.vcpuID)/KVM" })
      let files = try load(try load(task, "task_struct.files"), "files_struct.fdt")
      let file = try #require(memory.number(try load(files, "fdtable.fd") + 24))
      #expect(try load(file, "file.private_data") == guest.kvm.virtual)
    }
  }

  func checkMachines(of host: BuiltHost) throws {
    let node = try offset("kvm.vm_list")
    let machines = try list(host.vmList).map { $0 - node }
    let live = host.guests.filter { !$0.isDead }
    #expect(machines == live.reversed().map(\.kvm.virtual))
    for (kvm, guest) in zip(machines, live.reversed()) {
      let pid = try #require(guest.vmm?.description.pid)
      #expect(try load(kvm, "kvm.userspace_pid", 4) == pid)
      if let name = types.offset("kvm.stats_id") { #expect(memory.text(kvm + name) == "kvm-\(pid)") }
      let vcpus = try vcpus(of: kvm)
      #expect(vcpus == guest.vcpus.map { host.kernel.virtual($0.vcpuAddress) })
      for (place, vcpu) in zip(vcpus, guest.vcpus) { try check(place, vcpu, kvm: kvm, guest: guest, pid: pid) }
      let mm = try load(kvm, "kvm.mm")
      let tables = try #require(host.translate(try load(mm, "mm_struct.pgd"), root: memory.root))
      for addressSpace in 0..<2 as Range<UInt64> {
        let slots = try slots(of: kvm, addressSpace)
        #expect(slots.map(\.gfn).contains(0xfee00))
        var gfns: Set<UInt64> = []
        for slot in slots where slot.gfn != 0xfee00 {
          for page in 0..<slot.pages {
            let frame = host.translate(slot.hva + page << 12, root: tables).map { $0 >> 12 }
            #expect(frame == guest.backing.frame(slot.gfn + page))
            gfns.insert(slot.gfn + page)
          }
        }
        #expect(gfns == Set(guest.ranges.joined()))
      }
    }
  }

  private func check(
    _ place: UInt64, _ vcpu: BuiltVCPU, kvm: UInt64, guest: BuiltGuest, pid: UInt64
  ) throws {
    #expect(try load(place, "kvm_vcpu.kvm") == kvm)
    #expect(try load(place, "kvm_vcpu.vcpu_id", 4) == UInt64(vcpu.vcpuID))
    let thread = try load(place, "kvm_vcpu.pid")
    #expect(try load(thread, "pid.numbers", 4) == pid + 3 + UInt64(vcpu.vcpuID))
    #expect(try load(place, "kvm_vcpu.arch.regs") == vcpu.registers["rax"])
    #expect(try load(place, "kvm_vcpu.arch.cr2") == vcpu.registers["cr2"])
    #expect(try load(place, "kvm_vcpu.arch.efer") == vcpu.registers["efer"])
    #expect(try load(place, "kvm_vcpu.arch.mp_state", 4) == UInt64(vcpu.mpState))
    // RSP is in the cache of those alone that the monitor stopped.
    let available = try load(place, "kvm_vcpu.arch.regs_avail", 4)
    #expect((available >> 4 & 1 == 1) == (vcpu.state == .stopped))
    let root = try load(place, "kvm_vcpu.arch.mmu")
    #expect(
      try load(root, types.offset("kvm_mmu.root_hpa") == nil ? "kvm_mmu.root.hpa" : "kvm_mmu.root_hpa")
        == guest.eptPointer & 0x000f_ffff_ffff_f000)
    guard types.structure("fpu_guest") != nil else { return }
    let state = try load(place + (try offset("kvm_vcpu.arch.guest_fpu")), "fpu_guest.fpstate")
    #expect(try load(state, "fpstate.regs.xsave.i387.mxcsr", 4) == 0x1f80)
    #expect(try load(state, "fpstate.regs.xsave.header.xfeatures") == 3)
  }

  private func vcpus(of kvm: UInt64) throws -> [UInt64] {
    if let array = types.offset("kvm.vcpus") {
      return try (0..<(try load(kvm, "kvm.created_vcpus", 4))).map { try #require(memory.number(kvm + array + $0 * 8)) }
    }
    let head = try load(kvm + (try offset("kvm.vcpu_array")), "xarray.xa_head")
    #expect(head & 3 == 2)
    let slots = head - 2 + (try offset("xa_node.slots"))
    return (0..<64).compactMap { memory.number(slots + $0 * 8) }.filter { $0 != 0 }
  }

  private typealias Slot = (gfn: UInt64, pages: UInt64, hva: UInt64)

  private func slots(of kvm: UInt64, _ addressSpace: UInt64) throws -> [Slot] {
    let set = try #require(memory.number(kvm + (try offset("kvm.memslots")) + addressSpace * 8))
    func slot(_ place: UInt64) throws -> Slot {
      (
        try load(place, "kvm_memory_slot.base_gfn"), try load(place, "kvm_memory_slot.npages"),
        try load(place, "kvm_memory_slot.userspace_addr")
      )
    }
    if let array = types.offset("kvm_memslots.memslots") {
      let size = try #require(types.structure("kvm_memory_slot").map { types.size($0) })
      let all = try (0..<(try load(set, "kvm_memslots.used_slots", 4))).map { try slot(set + array + $0 * size) }
      #expect(all.map(\.gfn) == all.map(\.gfn).sorted(by: >))
      return all
    }
    let index = try load(set, "kvm_memslots.node_idx", 4)
    let node = try offset("kvm_memory_slot.gfn_node") + index * 24
    var found: [Slot] = []
    func visit(_ place: UInt64, under parent: UInt64) throws {
      guard place != 0 else { return }
      #expect(try load(place, "rb_node.__rb_parent_color") & ~3 == parent)
      try visit(try load(place, "rb_node.rb_left"), under: place)
      found.append(try slot(place - node))
      try visit(try load(place, "rb_node.rb_right"), under: place)
    }
    try visit(try load(set, "kvm_memslots.gfn_tree"), under: 0)
    #expect(found.map(\.gfn) == found.map(\.gfn).sorted())
    return found
  }
}
