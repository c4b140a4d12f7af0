extension RegionFacts {
  /// The first check: HOST_CR3 has the kernel's half, and the kernel's own tables map HOST_RSP.
  func hostFieldFault(_ kernel: LinuxKernel) -> EvidenceFault? {
    // A VMCB has none.
    if vendor == .amd { return nil }
    guard let hostCR3 else { return .noField("HOST_CR3") }
    let half = kernel.kernelHalf(ofCR3: hostCR3)
    guard half == .same else { return .hostCR3(hostCR3, half) }
    // A vCPU that never entered its guest, an AP that waits for SIPI, has none yet, and an inferred layout may lack its
    // place; the pointers must do.
    guard let hostRSP else { return nil }
    guard hostRSP == 0 || kernel.translate(VirtualAddress(rawValue: hostRSP)) != nil else {
      return .hostRSPUnmapped(hostRSP)
    }
    return nil
  }
}
