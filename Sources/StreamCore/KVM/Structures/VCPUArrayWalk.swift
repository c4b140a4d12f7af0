/// Tries what may be the xarray that names a VM's vCPUs, for a kernel without types: one node that is none of it shows
/// that it is not. What is known to be an array, `KernelXArray` reads. `struct xa_node`: shift, offset, count, nr_values
/// (bytes 0 to 3), parent (8), array (16), private_list (24), slots[64] (40). Source: include/linux/xarray.h.
struct VCPUArrayWalk {
  /// Address of the `struct xarray`, which every node names.
  let array: UInt64
  let kvm: UInt64
  let kernel: LinuxKernel
  var vcpus: [VCPUPointer] = []
  var frames: [UInt64] = []

  /// `false` when the node is not one of this array, or holds something else than vCPUs of this VM.
  mutating func node(_ address: UInt64, parent: UInt64, index: Int, shiftLimit: UInt8) -> Bool {
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
        guard vcpus.count < VCPUTable.vcpuLimit, kernel.isPointer(value), kernel.u64(value) ?? kvm == kvm else {
          return false
        }
        vcpus.append(VCPUPointer(index: place, address: VirtualAddress(rawValue: value)))
      } else if value & 3 == 2, value > 4096 {
        guard node(value &- 2, parent: address, index: place, shiftLimit: shift - 6) else { return false }
      }
    }
    return true
  }
}
