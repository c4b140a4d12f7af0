extension KVMObject {
  /// `mm_struct.pgd` stands in so many bytes: 72 in Debian's 6.1, 120 in 6.12, 56 in a small 6.1. Documentation/kvm.md §1.
  private static let pgdReach: UInt64 = 256

  /// Top tables of processes that a member of this VM leads to, each once, ascending: of what `mm` points at the word that
  /// names a table with this kernel's half. What guests choose stands behind the list of VMs, so that nothing there counts.
  func processTables(_ kernel: LinuxKernel) -> [HPA] {
    var object = KernelBytes(address, limit: vmList.offset, kernel)
    var seen: Set<UInt64> = []
    var roots: Set<HPA> = []
    for offset in stride(from: 8, to: vmList.offset, by: 8) {
      guard let value = object.u64(offset) else { break }
      guard kernel.isPointer(value), seen.insert(value).inserted, let place = kernel.physical(ofDirectMap: value) else {
        continue
      }
      let bytes = PhysicalBytes(kernel.memory, from: place.rawValue, count: Self.pgdReach)
      for inner in stride(from: UInt64(0), to: Self.pgdReach, by: 8) {
        guard let word = bytes.u64(place.rawValue + inner), let root = kernel.page(named: word), root != kernel.root,
          !roots.contains(root), kernel.kernelHalf(ofCR3: root.rawValue) == .same
        else { continue }
        roots.insert(root)
      }
    }
    return roots.sorted()
  }
}
