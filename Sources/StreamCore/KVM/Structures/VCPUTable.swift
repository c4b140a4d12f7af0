/// The table of vCPUs inside a `struct kvm`: the way back from a VM to its vCPUs. Source: include/linux/kvm_host.h;
/// lib/xarray.c; Documentation/kvm.md §2.6 and §5.5.
struct VCPUTable: Sendable, Equatable {
  let vcpus: [VCPUPointer]
  /// Frames of the nodes that stand outside the `struct kvm`.
  let frames: [UInt64]
  /// `online_vcpus`, where the table does not end by it; a vCPU in the making stands in the table before it is counted.
  private(set) var online: Int?

  /// vCPUs of one VM at most: KVM_MAX_VCPUS is 4096 at most so far.
  static let vcpuLimit = 4096

  /// The first table in the bytes of the `struct kvm` at `kvm`.
  ///
  /// A guest chooses some quadwords of its `struct kvm` (the address of the wall clock, Hyper-V crash registers). They
  /// stand in `arch`, behind `vm_list`; so nothing behind the list counts, and an xarray must say itself that it
  /// belongs here.
  /// - Parameter list: byte offset of `vm_list`.
  init?(in bytes: [UInt8], kvm: VirtualAddress, list: Int, kernel: LinuxKernel) {
    let end = min(list, bytes.count)
    for offset in stride(from: 8, to: end, by: 8) {
      guard let value: UInt64 = bytes.load(offset) else { break }
      if value & 3 == 2, value > 4096,
        let table = Self.xarray(value, offset: offset, kvm: kvm, kernel: kernel)
      {
        self = table
        // 16 bytes before `vm_list` in every kernel that has the xarray.
        online = bytes.load(list - 16, as: UInt32.self).flatMap { Int(exactly: $0) }
        return
      }
    }
    guard let table = Self.direct(in: bytes, list: list, kvm: kvm, kernel: kernel) else { return nil }
    self = table
  }

  private init(vcpus: [VCPUPointer], frames: [UInt64]) {
    self.vcpus = vcpus
    self.frames = frames
  }

  /// `vcpu_array` (5.16 on): `xa_head` holds a node's address with tag 2.
  private static func xarray(_ head: UInt64, offset: Int, kvm: VirtualAddress, kernel: LinuxKernel) -> VCPUTable? {
    var walk = VCPUArrayWalk(array: kvm.rawValue &+ UInt64(offset - 8), kvm: kvm.rawValue, kernel: kernel)
    guard walk.node(head &- 2, parent: 0, index: 0, shiftLimit: 12), !walk.vcpus.isEmpty else { return nil }
    return VCPUTable(vcpus: walk.vcpus, frames: walk.frames)
  }

  /// The array `vcpus[]` of kernels before 5.16, or an `xa_head` that is itself the only entry: neighbouring pointers,
  /// as many as `online_vcpus`, which stands 8 or 16 bytes before `vm_list` in every kernel (alone, or with
  /// `created_vcpus` and `last_boosted_vcpu`).
  private static func direct(in bytes: [UInt8], list: Int, kvm: VirtualAddress, kernel: LinuxKernel) -> VCPUTable? {
    let counts = [16, 8].compactMap { bytes.load(list - $0, as: UInt32.self) }
    for offset in stride(from: 8, to: list, by: 8) {
      var vcpus: [VCPUPointer] = []
      while vcpus.count < vcpuLimit, offset + vcpus.count * 8 < list,
        let value: UInt64 = bytes.load(offset + vcpus.count * 8), value != 0,
        kernel.isPointer(value), kernel.u64(value) == kvm.rawValue
      {
        vcpus.append(VCPUPointer(index: vcpus.count, address: VirtualAddress(rawValue: value)))
      }
      if !vcpus.isEmpty, counts.contains(UInt32(vcpus.count)) {
        return VCPUTable(vcpus: vcpus, frames: [])
      }
    }
    return nil
  }
}
