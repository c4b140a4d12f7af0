/// The VMs and vCPUs that the host's processes hold open. Where a structure on the way from `vm_list` is lost, they are
/// found here. Source: virt/kvm/kvm_main.c, kvm_vm_fops and kvm_vcpu_fops; Documentation/kvm.md §8.
struct OpenVMs: Sendable {
  let kvms: Set<VirtualAddress>
  /// By the `struct kvm` that each names.
  let vcpus: [VirtualAddress: [VCPUPointer]]

  init(_ kernel: DescribedKernel, _ types: KVMTypes) throws {
    let machine = try kernel.symbol("kvm_vm_fops", of: "kvm")
    let processor = try kernel.symbol("kvm_vcpu_fops", of: "kvm")
    let open = try OpenFiles(of: kernel, [machine, processor])
    var kvms: Set<VirtualAddress> = []
    var vcpus: [VirtualAddress: [VCPUPointer]] = [:]
    for file in open.files {
      if file.operations == machine {
        kvms.insert(file.privateData)
      } else if let kvm = kernel.kernel.u64((file.privateData &+ types.kvmOfVCPU).rawValue),
        kernel.kernel.isPointer(kvm),
        let index = try? kernel.kernel.integer(file.privateData &+ types.vcpuIndex, size: 4),
        index < UInt64(VCPUTable.vcpuLimit)
      {
        kvms.insert(VirtualAddress(rawValue: kvm))
        vcpus[VirtualAddress(rawValue: kvm), default: []].append(
          VCPUPointer(index: Int(index), address: file.privateData))
      }
    }
    self.kvms = kvms
    self.vcpus = vcpus
  }
}
