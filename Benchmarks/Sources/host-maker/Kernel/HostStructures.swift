import HostModel

/// What the host's kernel and KVM keep, and the guests' kernels: the few pages that are built, not streamed.
struct HostStructures: Sendable {
  let options: HostOptions
  let kind: HostKind
  let geometry: Geometry
  let ept: EPTPages
  private(set) var kernel: BuiltKernel
  private(set) var module: KVMModule
  /// Of a host that describes itself.
  private(set) var tasks: KernelTasks?
  private var space: StructureSpace

  /// By host-physical address.
  var memory: SparseMemory { space.memory }

  init(_ options: HostOptions, kind: HostKind, geometry: Geometry) throws(NoRoom) {
    self.options = options
    self.kind = kind
    self.geometry = geometry
    ept = EPTPages(geometry: geometry, isNPT: kind.shape.isAMD)
    space = StructureSpace(free: geometry.structures, ram: geometry.ram, seed: mix(options.seed) &+ 7)
    var description = kind.kernel(nodeName: "bench-host")
    description.imageSize = Geometry.imageFrames << 12
    description.cpus = Int(options.cpus)
    if options.describes { description.selfDescription = kind.selfDescription }
    description.hasVMCoreInfoPointers = options.describes
    kernel = try BuiltKernel(description, image: Geometry.imageFrame << 12, in: &space)
    module = try KVMModule(layout: kind.layout, shape: kind.shape, kernel: &kernel, in: &space)
    try module.load(kernel: &kernel, in: &space)
    tasks = try KernelTasks(kernel: kernel, in: &space)
    try addMachines()
  }

  private mutating func addMachines() throws(NoRoom) {
    var machines: [VMDescription] = []
    var all: [BuiltVCPU] = []
    for index in geometry.guests.indices {
      let (machine, vcpus) = try addMachine(index)
      machines.append(machine)
      all += vcpus
    }
    _ = try module.writeHostSaveAreas(all, kernel: kernel, in: &space)
    for machine in machines { kernel.tables.copyKernelHalf(to: machine.process, in: &space.memory) }
    module.link(machines: machines.map(\.kvm), in: &space.memory)
    module.linkLoaded(kernel: kernel, in: &space.memory)
    tasks?.link(kernel: kernel, in: &space.memory)
  }

  private mutating func addMachine(_ index: Int) throws(NoRoom) -> (VMDescription, [BuiltVCPU]) {
    let guest = geometry.guests[index]
    var description = kind.kernel(nodeName: "guest-\(index + 1)")
    description.hasVMCoreInfoPointers = options.describes
    let system = try GuestSystem(
      guest, kernel: description, vcpus: options.vcpusPerGuest,
      seed: mix(options.seed &* 1000 &+ UInt64(index)))
    for (page, words) in system.memory.pages {
      guard let frame = geometry.frame(guest, gpa: page << 12) else { continue }
      space.memory.setWords(words, frame: frame)
    }
    let machine = VMDescription(
      program: system.program, kvm: try module.makeMachine(kernel: &kernel, in: &space),
      process: PageTables(root: try space.allocatePage(), levels: 4), eptPointer: ept.pointer(guest),
      apicAccess: try space.allocatePage(), tscOffset: ~space.random.below(1 << 44))
    var vcpus: [BuiltVCPU] = []
    for number in 0..<Int(options.vcpusPerGuest) {
      let vcpu = try module.makeVCPU(VCPUDescription(), number: number, of: machine, kernel: &kernel, in: &space)
      vcpus.append(vcpu)
    }
    let pid = UInt64(300 + index * 100)
    let pages = ProcessPages(geometry: geometry)
    let vmm = try addVMM("guest-\(index + 1)", pid: pid, machine: machine, vcpus: vcpus)
    if vmm != nil { space.memory.store(pages.link(guest), at: machine.process.root + ProcessPages.rootEntry * 8) }
    // No memory slots where there is no VMM whose page tables they would lead to.
    _ = try module.write(
      machine.kvm, process: machine.process, vcpus: vcpus.map(\.vcpuAddress),
      slots: vmm == nil ? [] : pages.slots(guest), pid: vmm == nil ? UInt64(300 + index * 20) : pid, vmm: vmm,
      kernel: kernel, in: &space)
    return (machine, vcpus)
  }

  /// The process of a VMM, where the kernel describes itself.
  private mutating func addVMM(
    _ name: String, pid: UInt64, machine: VMDescription, vcpus: [BuiltVCPU]
  ) throws(NoRoom) -> BuiltProcess? {
    guard tasks != nil else { return nil }
    let process = KVMModule.vmm(
      name: Array(name.utf8), pid: pid, vcpus: vcpus, kvm: machine.kvm, module: module, kernel: kernel)
    let vmm = try tasks?.add(process, root: machine.process.root, kernel: kernel, in: &space)
    for (vcpu, thread) in zip(vcpus, vmm?.threads ?? []) {
      try module.writeEvidence(
        of: vcpu, thread: thread, eptPointer: machine.eptPointer, kernel: kernel, in: &space)
    }
    return vmm
  }
}
