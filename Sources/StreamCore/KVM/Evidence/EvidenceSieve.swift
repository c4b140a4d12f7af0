/// Lets through those of any number of regions that may have evidence, and keeps nothing of the others: a guest can
/// fill its memory with forged ones, and what they cost must not be the memory of this process.
///
/// What gets through names, from inside a `vcpu_vmx` that a VM's own table has, the region's address. So there are few
/// for each vCPU of the host, whatever guests write.
struct EvidenceSieve {
  let kernel: HostKernel
  private(set) var finder: VCPUFinder
  private var tries = EvidenceSieve.tryLimit

  /// Regions looked at most whose `struct kvm` may lie in the direct map, as before 4.16: there each look can cost a
  /// walk through lists that a guest made.
  static let tryLimit = 1024

  init(kernel: HostKernel) {
    self.kernel = kernel
    finder = VCPUFinder(kernel: kernel)
  }

  /// Where the `vcpu_vmx` of a region may begin.
  enum Stage: CaseIterable {
    /// At the distances of known kernels.
    case known
    /// Anywhere, naming a VM where kernels have had it since 4.16.
    case anywhere
    /// Anywhere, naming a VM anywhere.
    case old
  }

  /// What needs neither a VM nor a vCPU: the host fields are sound, and a place that looks like a `loaded_vmcs` names
  /// the region.
  func hasPointer(_ region: RegionFacts) -> Bool {
    region.hostFieldFault(kernel) == nil && !finder.pointers(of: region).isEmpty
  }

  /// - Parameter region: one that has a pointer.
  mutating func passes(_ region: RegionFacts, _ stage: Stage) -> Bool {
    for loaded in finder.pointers(of: region) {
      switch stage {
      case .known:
        if finder.prove(loaded, distances: VCPUShape.guesses, in: .vmalloc) != nil { return true }
      case .anywhere:
        if finder.proveAnywhere(loaded, in: .vmalloc) != nil { return true }
      case .old:
        guard tries > 0 else { return false }
        tries -= 1
        if finder.proveAnywhere(loaded, in: .any) != nil { return true }
      }
    }
    return false
  }
}

/// Among regions that did not lead to their own vCPU, those that stand behind `vmcs01` of a proven one, as a nested
/// guest's does, or that an emptied `loaded_vmcs` belongs to.
struct EvidenceLeftovers {
  private let kernel: HostKernel
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
    let window = PhysicalWindow(kernel.memory, from: load, count: VCPUShape.nestedReach)
    return stride(from: load, to: window.end, by: 8).contains { window.u64($0) == value }
  }

  func mayBeDead(_ region: RegionFacts) -> Bool {
    guard let load = region.entryMSRLoad, let distance = shape.pointerToMSRLoad, load > distance, load & 7 == 0 else {
      return false
    }
    return kernel.memory.u64(load - distance) == 0
  }
}

extension RegionFacts {
  /// The first check: HOST_CR3 has the kernel's half, and the kernel's own tables map HOST_RSP.
  func hostFieldFault(_ kernel: HostKernel) -> EvidenceFault? {
    guard let hostCR3 else { return .noField("HOST_CR3") }
    guard let hostRSP else { return .noField("HOST_RSP") }
    let half = kernel.kernelHalf(ofHostCR3: hostCR3)
    guard half == .same else { return .hostCR3(hostCR3, half) }
    // A vCPU that never entered its guest, an AP that waits for SIPI, has none yet; the pointers must do.
    guard hostRSP == 0 || kernel.translate(VirtualAddress(rawValue: hostRSP)) != nil else {
      return .hostRSPUnmapped(hostRSP)
    }
    return nil
  }
}
