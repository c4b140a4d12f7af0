/// What KVM keeps for the host's guests: VMCS regions, `vcpu_vmx`, `struct kvm`, the list of all VMs. Offsets from BTF
/// of Debian's 6.1 kernel.
struct KVMObjects {
  private enum VCPU {
    static let size: UInt64 = 9088
    static let registers: UInt64 = 296
    static let mpState: UInt64 = 604
    static let apicBase: UInt64 = 536
    static let debugRegisters: UInt64 = 2984
    static let returnMSRs: UInt64 = 6584
    static let kernelGSBase: UInt64 = 6768
    static let vmcs01: UInt64 = 6792
    static let loadedVMCS: UInt64 = 6952
    static let autoload: UInt64 = 6976
    static let segmentCache: UInt64 = 7600
  }
  private enum VM {
    static let pages: UInt64 = 11
    static let mm: UInt64 = 72
    static let vcpus: UInt64 = 4392
    static let online: UInt64 = 4456
    static let list: UInt64 = 4472
  }
  static let listPlace: UInt64 = 0x2c0

  let options: HostOptions
  let geometry: Geometry
  let ept: EPTPages
  private(set) var kernel: HostKernel
  private(set) var memory: KernelMemory
  private var random: Random
  let vmList: HostKernel.Mapping
  private let vmexit: UInt64
  private let vmreadBitmap: UInt64
  private let vmwriteBitmap: UInt64
  private var slab: (next: UInt64, end: UInt64) = (0, 0)
  private var machines: [HostKernel.Mapping] = []
  /// Per CPU: list nodes of the VMCSs loaded there.
  private var loaded: [UInt64: [UInt64]] = [:]
  private var vcpus: UInt64 = 0

  init(_ options: HostOptions, geometry: Geometry) throws(NoRoom) {
    self.options = options
    self.geometry = geometry
    ept = EPTPages(geometry: geometry)
    random = Random(seed: mix(options.seed) &+ 11)
    var memory = KernelMemory(free: geometry.structures)
    kernel = try HostKernel(options, end: geometry.end, in: &memory)
    vmList = try kernel.moduleAlloc(pages: 1, in: &memory)
    let text = try kernel.moduleAlloc(pages: 1, in: &memory)
    vmexit = text.virtual + 0x3ae
    // vmlaunch, jmp, vmx_vmexit.
    memory.write([0x0f, 0x01, 0xc2, 0xe9, 0x60, 0, 0, 0, 0x50, 0x48, 0x8b, 0x44], at: text.physical(0x3a6))
    vmreadBitmap = try Self.bitmap(clear: 19, in: &memory)
    vmwriteBitmap = try Self.bitmap(clear: 12, in: &memory)
    for _ in 0..<options.cpus {
      memory.store(UInt64(VMCSPage.revision), at: try memory.allocatePage(), width: 4)
    }
    self.memory = memory
    for index in geometry.guests.indices { try addGuest(index) }
    linkAll()
  }

  /// An MSR or VMREAD bitmap: ones, with a few bits cleared.
  private static func bitmap(clear: UInt64, in memory: inout KernelMemory) throws(NoRoom) -> UInt64 {
    var words = [UInt64](repeating: ~0, count: 512)
    for step in 0..<clear { words[Int(mix(step + clear) % 512)] ^= 1 << (step % 64) }
    let frame = try memory.allocate()
    memory.fill(words, frame: frame)
    return frame << 12
  }

  private mutating func addGuest(_ index: Int) throws(NoRoom) {
    let guest = geometry.guests[index]
    let guestKernel = GuestKernel(guest, seed: mix(options.seed &* 1000 &+ UInt64(index)))
    let geometry = geometry
    guestKernel.write(node: "guest-\(index + 1)", into: &memory) { geometry.frame(guest, gpa: $0) }
    let machine = try kernel.vmalloc(pages: VM.pages, in: &memory)
    machines.append(machine)
    let process = PageTables(root: try memory.allocatePage())
    let apicAccess = try memory.allocatePage()
    let tscOffset = ~random.below(1 << 44)
    var entries: [UInt64] = []
    for number in 0..<options.vcpusPerGuest {
      let state = VCPUState(guestKernel, index: number, isRunning: vcpus < 1, random: &random)
      entries.append(
        kernel.virtual(
          try addVCPU(
            state, guest: guest, machine: machine, process: process, apicAccess: apicAccess, tscOffset: tscOffset)))
    }
    kernel.copyHalf(to: process.root, in: &memory)
    try writeVM(machine, entries: entries, process: process, number: UInt64(index))
  }

  private mutating func writeVM(
    _ machine: HostKernel.Mapping, entries: [UInt64], process: PageTables, number: UInt64
  ) throws(NoRoom) {
    let mm = try memory.allocatePage()
    memory.store(kernel.virtual(process.root), at: mm + 72)
    memory.store(kernel.virtual(mm), at: machine.physical(VM.mm))
    // vcpu_array: one xarray node of 64 slots names its array.
    let node = try memory.allocatePage()
    memory.store(UInt64(entries.count), at: node + 2, width: 1)
    memory.store(machine.virtual + VM.vcpus, at: node + 16)
    for (place, entry) in entries.enumerated() { memory.store(entry, at: node + 40 + UInt64(place) * 8) }
    memory.store(kernel.virtual(node) | 2, at: machine.physical(VM.vcpus + 8))
    memory.store(UInt64(entries.count), at: machine.physical(VM.online), width: 4)
    memory.store(UInt64(entries.count), at: machine.physical(VM.online + 8), width: 4)
    memory.store(300 + number * 20, at: machine.physical(40408))
  }

  private mutating func allocateVCPU() throws(NoRoom) -> UInt64 {
    if slab.next + VCPU.size > slab.end {
      let start = try memory.allocate(8, alignment: 8) << 12
      slab = (start, start + 8 << 12)
    }
    slab.next += VCPU.size
    return slab.next - VCPU.size
  }

  private mutating func addVCPU(
    _ state: VCPUState, guest: Geometry.Guest, machine: HostKernel.Mapping, process: PageTables, apicAccess: UInt64,
    tscOffset: UInt64
  ) throws(NoRoom) -> UInt64 {
    let cpu = vcpus % options.cpus
    vcpus += 1
    let place = try allocateVCPU()
    let vmcs = try memory.allocatePage()
    let apic = try apicPage(id: state.index)
    let stack = try kernel.vmalloc(pages: 4, alignment: 4, in: &memory)
    let tls = try memory.allocatePage()
    let tlsAddress = 0x7e80_0000_0000 + vcpus << 21
    try process.map(tlsAddress, to: tls, flags: PageTables.user, in: &memory)
    let msrBitmap = try Self.bitmap(clear: 7, in: &memory)
    let hostState: [UInt64] = [
      process.root | vcpus % 6 + 1, 0x1726a0 | (cpu == 0 ? 0x10 : 0), kernel.virtual(kernel.perCPU[Int(cpu)]),
      tlsAddress + 0x6c0, stack.virtual + 0x3900 + random.below(128) << 3,
    ]
    var page = VMCSPage()
    state.write(to: &page)
    let words: [(String, UInt64)] = [
      ("VIRTUAL_PROCESSOR_ID", vcpus), ("TSC_OFFSET", tscOffset), ("VM_ENTRY_CONTROLS", VCPUState.controls[0]),
      ("VM_EXIT_CONTROLS", VCPUState.controls[1]), ("PIN_BASED_VM_EXEC_CONTROL", VCPUState.controls[2]),
      ("CPU_BASED_VM_EXEC_CONTROL", VCPUState.controls[3]), ("SECONDARY_VM_EXEC_CONTROL", VCPUState.controls[4]),
      ("EXCEPTION_BITMAP", 0x60042), ("PLE_GAP", 0x80), ("PLE_WINDOW", 0x1000), ("MSR_BITMAP", msrBitmap),
      ("VIRTUAL_APIC_PAGE_ADDR", apic), ("APIC_ACCESS_ADDR", apicAccess),
      ("VM_ENTRY_MSR_LOAD_ADDR", place + VCPU.autoload), ("VM_EXIT_MSR_LOAD_ADDR", place + VCPU.autoload + 144),
      ("VMREAD_BITMAP", vmreadBitmap), ("VMWRITE_BITMAP", vmwriteBitmap), ("EPT_POINTER", ept.pointer(guest)),
      ("VMX_PREEMPTION_TIMER_VALUE", 0x11a_060f + vcpus * 0x2_17f1),
      ("HOST_CR0", 0x8005_0033), ("HOST_CR3", hostState[0]), ("HOST_CR4", hostState[1]),
      ("HOST_IA32_EFER", VCPUState.efer), ("HOST_IA32_PAT", 0x0407_0506_0007_0106), ("HOST_CS_SELECTOR", 0x10),
      ("HOST_SS_SELECTOR", 0x18), ("HOST_TR_SELECTOR", 0x40), ("HOST_TR_BASE", kernel.tssBase(cpu)),
      ("HOST_GDTR_BASE", kernel.gdtBase(cpu)), ("HOST_IDTR_BASE", HostKernel.entryArea), ("HOST_GS_BASE", hostState[2]),
      ("HOST_FS_BASE", hostState[3]), ("HOST_IA32_SYSENTER_CS", 0x10), ("HOST_IA32_SYSENTER_ESP", kernel.tssBase(cpu)),
      ("HOST_IA32_SYSENTER_EIP", kernel.stext + HostKernel.Place.sysenter), ("HOST_RSP", hostState[4]),
      ("HOST_RIP", vmexit),
    ]
    for (field, value) in words { page[field] = value }
    memory.fill(page.words, frame: vmcs >> 12)
    try writeVCPU(state, at: place, machine: machine, cpu: cpu, apic: apic)
    writeLoadedVMCS(at: place + VCPU.vmcs01, vmcs: vmcs, cpu: cpu, msrBitmap: msrBitmap, hostState: hostState)
    if state.isRunning { memory.store(kernel.virtual(vmcs), at: kernel.perCPU[Int(cpu)] + 0x34038) }
    return place
  }

  private mutating func apicPage(id: UInt64) throws(NoRoom) -> UInt64 {
    let page = try memory.allocatePage()
    for (offset, value) in [(0x20, id), (0x30, 0x50014), (0xd0, id), (0xf0, 0x1ff)] as [(UInt64, UInt64)] {
      memory.store(value, at: page + offset, width: 4)
    }
    return page
  }

  /// A `struct vcpu_vmx`.
  private mutating func writeVCPU(
    _ state: VCPUState, at place: UInt64, machine: HostKernel.Mapping, cpu: UInt64, apic: UInt64
  ) throws(NoRoom) {
    let object = try memory.allocatePage()
    memory.store(0xfee0_0000, at: object)
    memory.store(kernel.virtual(place), at: object + 144)
    memory.store(kernel.virtual(apic), at: object + 168)
    let registers = VCPU.registers
    var words: [(UInt64, UInt64, Int)] = [
      (0, machine.virtual, 8), (32, cpu, 4), (36, state.index, 4), (40, state.index, 4),
      (VCPU.mpState, state.isRunning ? 0 : 3, 4),
      (VCPU.apicBase, 0xfee0_0c00 | (state.index == 0 ? 0x100 : 0), 8), (VCPU.apicBase + 8, kernel.virtual(object), 8),
      (2040, 7, 8), (VCPU.debugRegisters + 32, 0xffff_0ff0, 8), (VCPU.debugRegisters + 40, 0x400, 8),
      (VCPU.loadedVMCS, kernel.virtual(place + VCPU.vmcs01), 8),
      (registers + 128, state.isRunning ? state.kernel.stext + 0x7777 : state.rip, 8),
      (registers + 136, state.available, 4), (registers + 140, state.dirty, 4), (registers + 144, state.cr0, 8),
      (registers + 152, VCPUState.cr0Owned, 8), (registers + 160, state.cr2, 8), (registers + 168, state.cr3 ^ 6, 8),
      (registers + 176, state.cr4 & ~0x80, 8), (registers + 184, VCPUState.cr4Owned, 8),
      (registers + 224, VCPUState.efer, 8), (6576, state.isRunning ? 0x47 : state.rflags, 8),
      (VCPU.segmentCache, 0x800, 4),
    ]
    for (index, value) in state.general.enumerated() {
      words.append((registers + UInt64(index) * 8, index == 4 ? value + 0x590 : value, 8))
    }
    // SYSCALL_MASK, LSTAR, CSTAR, EFER, TSC_AUX, STAR, TSX_CTRL.
    let systemCall = state.kernel.stext + 0x2040
    let returned: [UInt64] = [0x257fd5, systemCall, 0, VCPUState.efer, state.index, 0x0023_0010_0000_0000, 0]
    for (slot, value) in returned.enumerated() {
      words.append((VCPU.returnMSRs + UInt64(slot) * 24 + 8, value, 8))
    }
    for (slot, segment) in state.segments.enumerated() {
      let entry = VCPU.segmentCache + 8 + UInt64(slot) * 24
      words += [
        (entry, segment.selector, 2), (entry + 8, segment.base ^ 0x1000, 8), (entry + 16, segment.limit, 4),
        (entry + 20, segment.rights, 4),
      ]
    }
    for (offset, value, width) in words { memory.store(value, at: place + offset, width: width) }
  }

  private mutating func writeLoadedVMCS(
    at place: UInt64, vmcs: UInt64, cpu: UInt64, msrBitmap: UInt64, hostState: [UInt64]
  ) {
    var words: [(UInt64, UInt64, Int)] = [
      (0, kernel.virtual(vmcs), 8), (16, cpu, 4), (20, 1, 1), (48, kernel.virtual(msrBitmap), 8),
    ]
    for (index, value) in hostState.enumerated() { words.append((72 + UInt64(index) * 8, value, 8)) }
    for (index, value) in VCPUState.controls.enumerated() { words.append((128 + UInt64(index) * 4, value, 4)) }
    for (offset, value, width) in words { memory.store(value, at: place + offset, width: width) }
    loaded[cpu, default: []].append(place + 56)
  }

  /// Closes the lists: all VMs, and the VMCSs loaded on each CPU.
  private mutating func linkAll() {
    let nodes = [vmList.virtual + Self.listPlace] + machines.map { $0.virtual + VM.list }
    let places = [vmList.physical(Self.listPlace)] + machines.map { $0.physical(VM.list) }
    link(nodes, at: places)
    for (cpu, links) in loaded.sorted(by: { $0.key < $1.key }) {
      let ring = [kernel.perCPU[Int(cpu)] + 0x34050] + links
      link(ring.map { kernel.virtual($0) }, at: ring)
    }
  }

  private mutating func link(_ nodes: [UInt64], at places: [UInt64]) {
    for (index, place) in places.enumerated() {
      memory.store(nodes[(index + 1) % nodes.count], at: place)
      memory.store(nodes[(index + nodes.count - 1) % nodes.count], at: place + 8)
    }
  }
}
