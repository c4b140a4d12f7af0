extension Guest {
  /// The Linux kernel that ran in the guest, by its own VMCOREINFO and page tables. What it says is the guest's word: about
  /// itself, and about nobody else.
  func kernel() throws(KernelLogFault) -> (kernel: LinuxKernel, vmcoreinfo: VMCoreInfo) {
    if isEncrypted { throw .noKernel("its memory is encrypted (AMD SEV) with a key that no dump holds") }
    guard let identity else {
      let isGone = map.isCounted && map.heldPages == 0
      throw .noKernel(
        isGone
          ? "none of its \(map.knownPages) pages is in the host dump"
          : "no Linux kernel's VMCOREINFO agrees with its vCPUs, so that nobody says where a log would be")
    }
    do throws(LinuxKernelFault) {
      return (try LinuxKernel(vmcoreinfo: identity.vmcoreinfo, memory: memory), identity.vmcoreinfo)
    } catch { throw .noKernel("\(error)") }
  }

  func log() throws(KernelLogFault) -> KernelLog {
    let (kernel, vmcoreinfo) = try kernel()
    return try KernelLog(kernel, vmcoreinfo)
  }
}
