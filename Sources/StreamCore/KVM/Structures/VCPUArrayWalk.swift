/// Reads the nodes of the xarray that names a VM's vCPUs. `struct xa_node`: shift, offset, count, nr_values (bytes 0 to
/// 3), parent (8), array (16), private_list (24), slots[64] (40). Source: include/linux/xarray.h.
struct VCPUArrayWalk {
  /// Address of the `struct xarray`, which every node names.
  let array: UInt64
  let kvm: UInt64
  let kernel: LinuxKernel
  /// The array is known to be one: a node that cannot be one is damaged, and the others count. Else it shows that there
  /// is no array.
  var isListed = false
  private(set) var vcpus: [VCPUPointer] = []
  private(set) var frames: [UInt64] = []
  /// Addresses of nodes of a listed array that cannot be read, or are none of it.
  private(set) var refused: [VirtualAddress] = []

  init(array: UInt64, kvm: UInt64, kernel: LinuxKernel, isListed: Bool = false) {
    self.array = array
    self.kvm = kvm
    self.kernel = kernel
    self.isListed = isListed
  }

  /// `false` when the node is not one of this array, or holds something else than vCPUs of this VM.
  mutating func node(_ address: UInt64, parent: UInt64, index: Int, shiftLimit: UInt8) -> Bool {
    guard isListed else { return entries(address, parent: parent, index: index, shiftLimit: shiftLimit) }
    if !entries(address, parent: parent, index: index, shiftLimit: shiftLimit) {
      refused.append(VirtualAddress(rawValue: address))
    }
    return true
  }

  private mutating func entries(_ address: UInt64, parent: UInt64, index: Int, shiftLimit: UInt8) -> Bool {
    guard kernel.isPointer(address) else { return false }
    let (bytes, pages) = kernel.bytes(VirtualAddress(rawValue: address), upTo: 40 + 64 * 8)
    guard bytes.count == 40 + 64 * 8, bytes.load(16) == array, bytes.load(8) == parent, bytes[0] % 6 == 0,
      bytes[0] <= shiftLimit, (1...64).contains(bytes[2])
    else { return false }
    let shift = bytes[0]
    frames += pages
    for slot in 0..<64 {
      guard let value: UInt64 = bytes.load(40 + slot * 8), value != 0 else { continue }
      let place = index + slot << Int(shift)
      if shift == 0 {
        // Low bits mark reserved and retry entries.
        guard value & 3 == 0 else { continue }
        // A vCPU whose page the dump has lost still counts as one.
        guard vcpus.count < VCPUTable.vcpuLimit, kernel.isPointer(value),
          isListed || kernel.u64(value) ?? kvm == kvm
        else { return false }
        vcpus.append(VCPUPointer(index: place, address: VirtualAddress(rawValue: value)))
      } else if value & 3 == 2, value > 4096 {
        guard node(value &- 2, parent: address, index: place, shiftLimit: shift - 6) else { return false }
      }
    }
    return true
  }
}
