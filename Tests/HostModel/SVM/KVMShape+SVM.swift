/// `struct vcpu_svm`, right behind `kvm_vcpu`: `vmcb`, `vmcb01`, `current_vmcb`, and before 5.12 `vmcb` and `vmcb_pa`; then
/// `tsc_aux`, `msrpm`, `nested`. Source: arch/x86/kvm/svm/svm.h of 4.18, 5.10 and 6.1.
extension KVMShape {
  /// `vmcb01` and its like: a pointer, the physical address, the CPU, a generation; since 5.12.
  public var hasVMCB01: Bool { name != "4.18" && name != "5.10" }
  public var vmcb: UInt64 { kvmVCPUSize }
  public var vmcb01: UInt64 { vmcb + 8 }
  public var currentVMCB: UInt64 { vmcb01 + 32 }
  var systemCallAux: UInt64 { hasVMCB01 ? currentVMCB + 16 : vmcb + 48 }
  public var msrpm: UInt64 { hasVMCB01 ? vmcb01 + 104 : vmcb + 184 }
  var svmNested: UInt64 { msrpm + 16 }
  /// In `nested`, the map by which the guest's own guest runs.
  var nestedMSRPM: UInt64 { svmNested + (hasVMCB01 ? 64 : 32) }
  /// Where the pair stands that names the VMCB.
  public var vmcbPair: UInt64 { hasVMCB01 ? vmcb01 : vmcb }

  /// What the BTF of kvm_amd adds.
  public var amdStructures: [KernelStructure] {
    let info: [(String, UInt64, KernelType)] = [
      ("ptr", 0, .pointer(to: "vmcb")), ("pa", 8, .ulong), ("cpu", 16, .sint), ("asid_generation", 24, .u64),
    ]
    var members: [(String, UInt64, KernelType)] = [
      ("vcpu", 0, .structure("kvm_vcpu")), ("vmcb", vmcb, .pointer(to: "vmcb")),
    ]
    if hasVMCB01 {
      members += [
        ("vmcb01", vmcb01, .structure("kvm_vmcb_info")), ("current_vmcb", currentVMCB, .pointer(to: "kvm_vmcb_info")),
      ]
    } else {
      members.append(("vmcb_pa", vmcb01, .ulong))
    }
    members += [("tsc_aux", systemCallAux, .u64), ("nested", svmNested, .structure("svm_nested_state"))]
    return [
      KernelStructure("vcpu_svm", size: size, members), KernelStructure("kvm_vmcb_info", size: 32, info),
      KernelStructure(
        "svm_nested_state", size: 128,
        hasVMCB01
          ? [("vmcb02", 0, .structure("kvm_vmcb_info")), ("hsave_msr", 32, .u64), ("vmcb12_gpa", 48, .u64)]
          : [("hsave", 0, .pointer(to: "vmcb")), ("hsave_msr", 8, .u64), ("vmcb12_gpa", 24, .u64)]),
      KernelStructure("vmcb", size: 4096, [("control", 0, .array(.u32, 256)), ("save", 1024, .array(.u64, 384))]),
    ] + moduleStructures
  }

  /// The vendor's module, and what its BTF adds.
  public var vendorModule: String { isAMD ? "kvm_amd" : "kvm_intel" }
  public var vendorStructures: [KernelStructure] { isAMD ? amdStructures : intelStructures }
}

extension VCPUWriter {
  /// `vmcb01`, in use.
  /// - Parameters:
  ///   - map: the MSR permission map.
  ///   - nested: the VMCB of the guest's own guest, and whether that one is in use.
  func vmcb(
    _ page: UInt64, map: UInt64, hostCPU: Int, nested: (page: UInt64, isActive: Bool)?, in memory: inout SparseMemory
  ) {
    memory.store(kernel.virtual(map), at: place + shape.msrpm)
    memory.store(kernel.virtual(page), at: place + shape.vmcb)
    memory.store(cpu.truth["tsc_aux"], at: place + shape.systemCallAux)
    guard shape.hasVMCB01 else {
      return memory.store(page | kernel.tables.encryptionBit, at: place + shape.vmcb01)
    }
    info(page, at: place + shape.vmcb01, hostCPU: hostCPU, in: &memory)
    memory.store(kernel.virtual(place + shape.vmcb01), at: place + shape.currentVMCB)
    guard let nested else { return }
    info(nested.page, at: place + shape.svmNested, hostCPU: hostCPU, in: &memory)
    let own = memory.load(nested.page + 0x48) & ~kernel.tables.encryptionBit
    memory.store(kernel.virtual(own), at: place + shape.nestedMSRPM)
    guard nested.isActive else { return }
    memory.store(kernel.virtual(nested.page), at: place + shape.vmcb)
    memory.store(kernel.virtual(place + shape.svmNested), at: place + shape.currentVMCB)
  }

  /// A `struct kvm_vmcb_info`.
  private func info(_ page: UInt64, at info: UInt64, hostCPU: Int, in memory: inout SparseMemory) {
    memory.store(kernel.virtual(page), at: info)
    memory.store(page | kernel.tables.encryptionBit, at: info + 8)
    memory.store(UInt64(hostCPU), at: info + 16, width: 4)
    memory.store(1, at: info + 24)
  }
}
