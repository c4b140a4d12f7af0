/// What a vCPU does, as KVM sees it. Source: include/uapi/linux/kvm.h, KVM_MP_STATE_*.
public enum MPState: UInt32, Sendable, CaseIterable {
  case RUNNABLE = 0
  case UNINITIALIZED = 1
  case INIT_RECEIVED = 2
  case HALTED = 3
  case SIPI_RECEIVED = 4
  case AP_RESET_HOLD = 9

  public var name: String {
    switch self {
    case .RUNNABLE: "RUNNABLE"
    case .UNINITIALIZED: "UNINITIALIZED"
    case .INIT_RECEIVED: "INIT_RECEIVED"
    case .HALTED: "HALTED"
    case .SIPI_RECEIVED: "SIPI_RECEIVED"
    case .AP_RESET_HOLD: "AP_RESET_HOLD"
    }
  }
}

/// What the host kernel knows of a vCPU beyond its VMCS. What is not confirmed is `nil`.
public struct VCPUState: Sendable, Equatable {
  /// The registers in `arch`, for the region whose guest was the last to run on the vCPU: not for a `vmcs01` while the
  /// guest's own guest runs, nor for a `vmcs02` while it does not.
  public internal(set) var registers: KVMRegisters?
  public internal(set) var kernelGSBase: UInt64?
  /// Task priority, 0 to 15: bits 7:4 of the APIC's TPR.
  public internal(set) var cr8: UInt64?
  public internal(set) var apicID: UInt32?
  public internal(set) var vcpuID: UInt32?
  public internal(set) var mpState: MPState?
  /// The host CPU that the vCPU last ran on.
  public internal(set) var hostCPU: Int?
}
