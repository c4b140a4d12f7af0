import HostModel

extension BuiltHost {
  /// Every structure of a host that describes itself, from VMCOREINFO to the VMCSs: the kernel's, KVM's, then each live
  /// VM's and its vCPUs'. A VM's have its name as owner, a vCPU's also its number: `web 0`.
  package var structures: [BuiltStructure] {
    kernel.structures + moduleStructures + guests.filter { !$0.isDead }.flatMap { structures(of: $0) }
  }

  /// Those of this name, of one owner or of all.
  package func structures(_ name: String, of owner: String? = nil) -> [BuiltStructure] {
    structures.filter { $0.name == name && (owner == nil || $0.owner == owner) }
  }

  /// The same host with each byte of a structure replaced.
  package func overwriting(_ structure: BuiltStructure, with byte: UInt8) -> BuiltHost {
    var host = self
    for part in structure.parts {
      host.space.memory.write([UInt8](repeating: byte, count: part.count), at: part.lowerBound)
    }
    return host
  }

  /// The same host, whose dumps lack the frames that a structure stands in.
  package func leavingOut(_ structure: BuiltStructure) -> BuiltHost {
    var host = self
    host.droppedRuns += structure.frames.map { $0..<$0 + 1 }
    return host
  }

  private func structures(of guest: BuiltGuest) -> [BuiltStructure] {
    var all = [BuiltStructure("kvm", parts: guest.kvm.parts(0..<shape.kvmSize))]
    if let vmm = guest.vmm {
      let own = KernelShape.of(shape)
      all += [
        BuiltStructure("task_struct", at: vmm.leader, size: own.taskSize),
        BuiltStructure("mm_struct", at: vmm.memory, size: KernelShape.memorySize),
      ]
    }
    all += guest.tables
    for index in all.indices { all[index].owner = guest.name }
    for vcpu in guest.vcpus {
      let owner = "\(guest.name) \(vcpu.vcpuID)"
      all += [
        BuiltStructure("vcpu_vmx", of: owner, at: vcpu.vcpuAddress, size: shape.size),
        BuiltStructure(
          "loaded_vmcs", of: owner, at: vcpu.vcpuAddress + shape.vmcs01, size: shape.loadedVMCS - shape.vmcs01),
        BuiltStructure("vmcs", of: owner, at: vcpu.vmcs, size: 4096),
      ]
    }
    return all
  }
}
