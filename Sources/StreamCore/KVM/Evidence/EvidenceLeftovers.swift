/// Among regions that did not lead to their own vCPU, those that stand behind `vmcs01` of a proven one, as a nested
/// guest's does, or that an emptied `loaded_vmcs` belongs to.
struct EvidenceLeftovers {
  private let kernel: LinuxKernel
  private let shape: VCPUShape
  /// Physical addresses of all `vcpu_vmx` of the host's VMs, ascending.
  private let starts: [UInt64]

  init?(_ evidence: HostEvidence) {
    guard let shape = evidence.shape else { return nil }
    self.shape = shape
    kernel = evidence.kernel
    starts = evidence.kvms.flatMap(\.vcpus).compactMap {
      evidence.kernel.physical(ofDirectMap: $0.address.rawValue)?.rawValue
    }.sorted()
  }

  func mayBeNested(_ region: RegionFacts) -> Bool {
    guard region.hostFieldFault(kernel) == nil, let load = region.entryMSRLoad, load & 7 == 0, load < 1 << 52 else {
      return false
    }
    guard let start = starts.last(where: { $0 <= load }), load - start < VCPUShape.startReach else { return false }
    let value = kernel.directMapped(region.address)
    let bytes = PhysicalBytes(kernel.memory, from: load, count: VCPUShape.nestedReach)
    return stride(from: load, to: bytes.end, by: 8).contains { bytes.u64($0) == value }
  }

  func mayBeDead(_ region: RegionFacts) -> Bool {
    guard let load = region.entryMSRLoad, let distance = shape.pointerToMSRLoad, load > distance, load & 7 == 0 else {
      return false
    }
    return kernel.memory.u64(load - distance) == 0
  }
}
