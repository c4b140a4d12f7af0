/// Where the members of KVM's structures stand, by the kernel's own types. All places are bytes from the start of the
/// structure. Source: include/linux/kvm_host.h, arch/x86/kvm/vmx/vmx.h; Documentation/kvm.md §8.
struct KVMTypes: Sendable, Equatable {
  /// How a `struct kvm` names its vCPUs.
  enum Table: Sendable, Equatable {
    /// `vcpu_array`, since 5.16: the place of the xarray, and of its `xa_head`.
    case xarray(UInt64, head: UInt64)
    /// `vcpus[]`: the place of the first pointer, and how many there are.
    case array(UInt64, count: Int)
  }

  /// `kvm.vm_list`.
  let list: UInt64
  let table: Table
  /// `kvm.online_vcpus`.
  let onlineVCPUs: UInt64
  /// `kvm_vcpu.kvm`.
  let kvmOfVCPU: UInt64
  /// `kvm_vcpu.vcpu_idx`, its place in the table; of kernels before 5.4 `vcpu_id`, which is it in practice.
  let vcpuIndex: UInt64
  /// Whose processor the vCPUs run on; `nil` where no vendor module's types are there.
  let vendor: Vendor?
  /// `nil` with `vendor`: then by shape.
  let vcpu: VCPUShape?
  /// `vcpu_vmx.nested.vmcs02.vmcs`, `vcpu_svm.nested.vmcb02.ptr`.
  let vmcs02: UInt64?
  let arch: ArchShape?
  /// State of a vCPU beside `arch`'s first members.
  private(set) var state: VCPUStateTypes
  /// `kvm_mmu.root.hpa` of a vCPU's `root_mmu`, then those of its `prev_roots`: the tables that KVM has in use for it.
  let roots: [UInt64]
  /// `kvm_vcpu.pid`: its thread, a `struct pid`; `kvm.userspace_pid`: the thread that made the VM, as a number.
  let thread: Result<ResolvedPath, TypeFault>
  let userspacePID: UInt64?
  /// Of the guests' memory.
  let slots: Result<SlotTypes, TypeFault>
  /// For what is asked where the processor's own structures are not read.
  let all: KernelTypes

  /// The modules that may have these types, and where types can be found without a search. Source: kvm_host.h, vmx.h.
  static let modules = vendorModules + ["kvm"]
  static let vendorModules = ["kvm_intel", "kvm_amd"]
  static let leads: [String: [String]] = [
    "kvm_vcpu": ["vcpu_vmx.vcpu", "vcpu_svm.vcpu"], "kvm": ["kvm_vcpu.kvm"], "mm_struct": ["kvm.mm"],
    "pid": ["kvm_vcpu.pid"], "task_struct": ["kvm_vcpu.wait.task"], "kvm_lapic": ["kvm_vcpu.arch.apic"],
  ].merging(SlotTypes.leads) { $1 }
  /// Members stand within so many bytes: 5.10's `struct kvm` has 188 KiB, a `vcpu_vmx` 12 KiB at most.
  private static let reach: UInt64 = 1 << 20
  /// All vCPUs' objects are kept up to `vmcs01`: what a damaged type says must not decide how much that is.
  private static let vcpuReach: UInt64 = 64 << 10

  init(_ types: KernelTypes) throws(TypeFault) {
    list = try Self.place("kvm.vm_list", types)
    onlineVCPUs = try Self.place("kvm.online_vcpus", types)
    kvmOfVCPU = try Self.place("kvm_vcpu.kvm", types)
    let index = types.has("kvm_vcpu.vcpu_idx") ? "kvm_vcpu.vcpu_idx" : "kvm_vcpu.vcpu_id"
    vcpuIndex = try Self.place(index, types)
    if let head = try? Self.place("kvm.vcpu_array.xa_head", types) {
      table = .xarray(try Self.place("kvm.vcpu_array", types), head: head)
    } else {
      let vcpus = try types.member("kvm.vcpus")
      guard let count = vcpus.count, count <= VCPUTable.vcpuLimit else {
        throw .notAnArray(path: "kvm.vcpus", at: "")
      }
      table = .array(try Self.place("kvm.vcpus", types), count: count)
    }
    if let intel = Self.intelShape(types) {
      vendor = .intel
      vcpu = intel
      vmcs02 = try? Self.place("vcpu_vmx.nested.vmcs02.vmcs", types)
    } else {
      vcpu = Self.amdShape(types)
      vendor = vcpu == nil ? nil : .amd
      vmcs02 = try? Self.place("vcpu_svm.nested.vmcb02.ptr", types)
    }
    arch = Self.arch(types)
    roots = Self.roots(types)
    thread = types.place("kvm_vcpu.pid")
    userspacePID = try? Self.place("kvm.userspace_pid", types)
    slots = Result { () throws(TypeFault) in try SlotTypes(types) }
    state = VCPUStateTypes(types, vendor: vendor)
    all = types
  }

  /// With what takes the kernel's symbols, too.
  init(_ kernel: DescribedKernel) throws(TypeFault) {
    try self.init(kernel.types)
    state.order = Result { () throws(UserReturnMSRsFault) in try UserReturnMSRs(kernel) }
  }

  /// Bytes from the start of a type to a member of it.
  static func place(_ path: String, _ types: KernelTypes) throws(TypeFault) -> UInt64 {
    try types.offset(path, below: reach)
  }

  private static func intelShape(_ types: KernelTypes) -> VCPUShape? {
    guard let pointer = try? place("vcpu_vmx.vmcs01.vmcs", types), pointer < vcpuReach,
      let loaded = try? place("vcpu_vmx.loaded_vmcs", types), loaded > pointer
    else { return nil }
    let load = try? place("vcpu_vmx.msr_autoload.guest.val", types)
    return VCPUShape(
      startToPointer: pointer, pointerToMSRLoad: load.flatMap { $0 > pointer ? $0 - pointer : nil },
      pointerToLoaded: loaded - pointer)
  }

  /// `vmcb01` since 5.12, before that `vmcb` alone, which is then in use always. Source: arch/x86/kvm/svm/svm.h.
  private static func amdShape(_ types: KernelTypes) -> VCPUShape? {
    if let pointer = try? place("vcpu_svm.vmcb01.ptr", types), pointer < vcpuReach {
      let current = (try? place("vcpu_svm.current_vmcb", types)).flatMap { $0 > pointer ? $0 - pointer : nil }
      return VCPUShape(startToPointer: pointer, pointerToMSRLoad: nil, pointerToLoaded: current)
    }
    guard let pointer = try? place("vcpu_svm.vmcb", types), pointer < vcpuReach else { return nil }
    return VCPUShape(startToPointer: pointer, pointerToMSRLoad: nil, pointerToLoaded: nil)
  }

  /// Source: arch/x86/include/asm/kvm_host.h, struct kvm_mmu; `root_hpa` before 5.18.
  private static func roots(_ types: KernelTypes) -> [UInt64] {
    let mmu = "kvm_vcpu.arch.root_mmu"
    guard let current = (try? place(mmu + ".root.hpa", types)) ?? (try? place(mmu + ".root_hpa", types)) else {
      return []
    }
    let count = min(8, (try? types.member(mmu + ".prev_roots").count) ?? 0)
    return [current] + (0..<count).compactMap { try? place(mmu + ".prev_roots[\($0)].hpa", types) }
  }

  private static func isRIPLast(_ types: KernelTypes) -> Bool {
    (try? types.member("kvm_vcpu.arch.regs").count) == 17
  }

  private static func arch(_ types: KernelTypes) -> ArchShape? {
    guard let regs = try? place("kvm_vcpu.arch.regs", types),
      let available = try? place("kvm_vcpu.arch.regs_avail", types),
      let wordSize = try? types.member("kvm_vcpu.arch.regs_avail").size, wordSize == 4 || wordSize == 8,
      let dirty = try? place("kvm_vcpu.arch.regs_dirty", types), let cr0 = try? place("kvm_vcpu.arch.cr0", types),
      let cr2 = try? place("kvm_vcpu.arch.cr2", types), let cr3 = try? place("kvm_vcpu.arch.cr3", types),
      // Up to 7.1 RIP is the last of `regs`.
      let rip = (try? place("kvm_vcpu.arch.rip", types)) ?? (isRIPLast(types) ? regs + 128 : nil),
      [available, dirty, cr0, cr2, cr3, rip].allSatisfy({ $0 >= regs })
    else { return nil }
    let fromRegs = { (path: String) -> UInt64? in
      (try? place(path, types)).flatMap { $0 > regs ? $0 - regs : nil }
    }
    var arch = ArchShape(regs: regs)
    arch.rip = rip - regs
    arch.available = available - regs
    arch.dirty = dirty - regs
    arch.wordSize = UInt64(wordSize)
    arch.cr0 = cr0 - regs
    arch.cr2 = cr2 - regs
    arch.cr3 = cr3 - regs
    arch.efer = fromRegs("kvm_vcpu.arch.efer")
    arch.apicBase = fromRegs("kvm_vcpu.arch.apic_base")
    arch.apic = fromRegs("kvm_vcpu.arch.apic")
    arch.mpState = fromRegs("kvm_vcpu.arch.mp_state")
    arch.vcpuID = try? place("kvm_vcpu.vcpu_id", types)
    arch.kernelGSBase = try? place("vcpu_vmx.msr_guest_kernel_gs_base", types)
    return arch
  }
}
