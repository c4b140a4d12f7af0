/// Lets through those of any number of regions that may have evidence, and keeps nothing of the others: a guest can
/// fill its memory with forged ones, and what they cost must not be the memory of this process.
///
/// What gets through names, from inside a `vcpu_vmx` that a VM's own table has, the region's address. So there are few
/// for each vCPU of the host, whatever guests write.
struct EvidenceSieve {
  let kernel: LinuxKernel
  private(set) var finder: VCPUFinder
  private var tries = EvidenceSieve.tryLimit

  /// Regions looked at most whose `struct kvm` may lie in the direct map, as before 4.16: there each look can cost a
  /// walk through lists that a guest made.
  static let tryLimit = 1024

  /// - Parameters:
  ///   - listed: the VMs of the kernel's own list, where it is known.
  ///   - head: of that list, where only the symbol is known.
  init(kernel: LinuxKernel, listed: ListedVMs? = nil, head: VirtualAddress? = nil) {
    self.kernel = kernel
    finder = VCPUFinder(kernel: kernel, listed: listed, head: head)
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
  mutating func passes(_ region: RegionFacts, _ stage: Stage) -> Bool { passes(finder.pointers(of: region), stage) }

  /// - Parameter holders: places that name one region.
  mutating func passes(_ holders: [RegionHolder], _ stage: Stage) -> Bool {
    for loaded in holders {
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
