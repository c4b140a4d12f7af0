/// Where the places in `kvm_vcpu.arch` come from. The first in `all` that knows them counts, as with the sources of
/// layouts.
protocol ArchSource: Sendable {
  /// The places in a host's vCPUs; `nil` where this source does not tell them.
  func arch(of vcpus: [VCPUObject], _ shape: VCPUShape, in kernel: LinuxKernel) -> ArchShape?
}

/// By the kernel's own types.
struct ArchByTypes: ArchSource {
  let types: KVMTypes

  func arch(of vcpus: [VCPUObject], _ shape: VCPUShape, in kernel: LinuxKernel) -> ArchShape? {
    guard var arch = types.arch else { return nil }
    guard let apic = arch.apic else { return arch }
    // Where the VMCS names the APIC's page its bytes tell as much as its type, and cost less.
    let vote = ArchVote(kernel: kernel, objects: vcpus, shape: shape)
    arch.lapicRegs = vote.lapicRegs(arch.regs, apic: apic)
    let has = vcpus.contains { $0.bytes.u64($0.start &+ arch.regs &+ apic) ?? 0 != 0 }
    if arch.lapicRegs == nil, has, let places = types.state.lapic?.places() {
      arch.lapicRegs = places.registers
      arch.lapicVCPU = places.vcpu
    }
    return arch
  }
}

/// By what the vCPUs' own bytes agree on.
struct ArchByShape: ArchSource {
  func arch(of vcpus: [VCPUObject], _ shape: VCPUShape, in kernel: LinuxKernel) -> ArchShape? {
    ArchVote(kernel: kernel, objects: vcpus, shape: shape).run()
  }
}

enum ArchSources {
  /// A source is added by a file and a place in this list.
  /// - Parameter types: the kernel's own, where it has them.
  static func all(_ types: KVMTypes?) -> [any ArchSource] {
    (types.map { [ArchByTypes(types: $0)] } ?? []) + [ArchByShape()]
  }
}
