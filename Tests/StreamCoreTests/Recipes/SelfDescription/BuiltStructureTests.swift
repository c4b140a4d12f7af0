import HostModel
import HostRecipes
import Testing

/// The structures that a described host names are where its own names, types and pointers lead, and can be torn.
@Suite struct BuiltStructureTests {
  private static let kernels = ["4.18", "5.10", "5.14", "6.1", "6.1-mini", "6.12", "7.3"]

  private func host(_ kernel: String, _ words: String = "") throws -> BuiltHost {
    try HostRecipe(
      """
      host ram 64M cpus 2 kernel \(kernel) symbols types \(words) seed 7
      guest web ram 0-2M nolinux
        vcpu
        vcpu
      guest dead ram 0-2M nolinux dead
      """
    ).build()
  }

  private func place(_ name: String, _ owner: String, _ host: BuiltHost) throws -> UInt64 {
    try #require(host.structures(name, of: owner).first?.parts.first?.lowerBound, "\(name) \(owner)")
  }

  @Test(arguments: kernels)
  func structuresAreWhereNamesAndPointersLead(kernel: String) throws {
    let host = try host(kernel)
    let memory = ToldMemory(host)
    let symbols = try #require(ToldSymbols(memory, form: KernelShape.of(host.shape).symbolForm))
    for name in ["modules", "btf_modules", "init_task", "page_offset_base", "__per_cpu_offset", "swapper_pg_dir"] {
      let address = try #require(symbols.values[name])
      #expect(try place(name, "", host) == host.translate(address, root: memory.root), "\(name)")
    }
    for (key, value) in memory.keys where key.hasPrefix("SYMBOL(kallsyms_") {
      let address = try #require(UInt64(value, radix: 16))
      let name = String(key.dropFirst(7).dropLast())
      #expect(try place(name, "", host) == host.translate(address, root: memory.root), "\(name)")
    }
    #expect(try place("vm_list", "", host) == host.translate(host.vmList, root: memory.root))
    let web = try #require(host.guest("web"))
    #expect(try place("kvm", "web", host) == host.translate(web.kvm.virtual, root: memory.root))
    let table = host.structures(host.shape.kvm.isXArray ? "xa_node" : "kvm.vcpus", of: "web")
    let slots = try #require(table.first).parts.reduce([]) {
      $0 + host.memory.bytes(at: $1.lowerBound, count: $1.count)
    }
    for vcpu in web.vcpus {
      let owner = "web \(vcpu.vcpuID)"
      #expect(try place("vmcs", owner, host) == vcpu.vmcs)
      let at = (host.shape.kvm.isXArray ? 40 : 0) + vcpu.vcpuID * 8
      let object = host.translate(RecipeReaders.le(slots, at, 8), root: memory.root)
      #expect(try place("vcpu_vmx", owner, host) == object)
      let region = host.memory.load(try place("loaded_vmcs", owner, host))
      #expect(host.translate(region, root: memory.root) == vcpu.vmcs)
    }
    #expect(host.structures.allSatisfy { !$0.owner.hasPrefix("dead") })
  }

  @Test(arguments: kernels)
  func sizesAreWhatTheTypesTell(kernel: String) throws {
    let host = try host(kernel, "builtin")
    let types = try #require(ToldTypes(bytes("", host)))
    let names = [
      "kvm", "kvm_memory_slot", "xa_node", "vcpu_vmx", "loaded_vmcs", "task_struct", "mm_struct", "module",
      "mod_kallsyms", "btf_module", "btf",
    ]
    for structure in host.structures where names.contains(structure.name) {
      let type = try #require(types.structure(structure.name))
      #expect(UInt64(structure.parts.reduce(0) { $0 + $1.count }) == types.size(type), "\(structure.name)")
    }
    let hasModuleTypes = KernelShape.of(host.shape).hasModuleTypes
    #expect(host.structures("module").map(\.owner) == ["virtio_net"])
    #expect(host.structures("btf_module").count == (hasModuleTypes ? 1 : 0))
    if hasModuleTypes { #expect(types.adding(bytes("virtio_net", host))?.structure("virtnet_info") != nil) }
  }

  /// A blob of BTF, put together from its three parts.
  private func bytes(_ owner: String, _ host: BuiltHost) -> [UInt8] {
    ["BTF header", "BTF types", "BTF strings"].flatMap { name in
      host.structures(name, of: owner).flatMap(\.parts).flatMap {
        host.memory.bytes(at: $0.lowerBound, count: $0.count)
      }
    }
  }

  @Test func eachCanBeOverwrittenOrLeftOut() throws {
    let host = try host("6.1")
    for structure in host.structures {
      let torn = host.overwriting(structure, with: 0xa5)
      for part in structure.parts {
        let found = torn.memory.bytes(at: part.lowerBound, count: part.count)
        #expect(found == [UInt8](repeating: 0xa5, count: part.count), "\(structure.name)")
        for edge in [part.lowerBound - 1, part.upperBound]
        where !structure.parts.contains(where: { $0.contains(edge) }) {
          #expect(torn.memory.bytes(at: edge, count: 1) == host.memory.bytes(at: edge, count: 1))
        }
      }
      let without = Set(host.leavingOut(structure).storedFrames(level: 1))
      #expect(Set(host.storedFrames(level: 1)).subtracting(without) == Set(structure.frames), "\(structure.name)")
    }
  }
}
