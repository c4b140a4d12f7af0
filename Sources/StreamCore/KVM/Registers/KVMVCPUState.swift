/// What the host kernel knows of a vCPU beyond its VMCS. What is not confirmed is `nil`.
struct KVMVCPUState: Sendable, Equatable {
  /// The registers in `arch`, for the region whose guest was the last to run on the vCPU: not for a `vmcs01` while the
  /// guest's own guest runs, nor for a `vmcs02` while it does not.
  var registers: KVMRegisters?
  var kernelGSBase: UInt64?
  /// Task priority, 0 to 15: bits 7:4 of the APIC's TPR.
  var cr8: UInt64?
  var apicID: UInt32?
  var vcpuID: UInt32?
  var mpState: MPState?
  /// The host CPU that the vCPU last ran on.
  var hostCPU: Int?
  /// What only the kernel's types lead to.
  var typed = TypedVCPUState()
}
