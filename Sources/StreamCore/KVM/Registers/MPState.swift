/// What a vCPU does, as KVM sees it. Source: include/uapi/linux/kvm.h, KVM_MP_STATE_*.
enum MPState: UInt32, Sendable, CaseIterable {
  case RUNNABLE = 0
  case UNINITIALIZED = 1
  case INIT_RECEIVED = 2
  case HALTED = 3
  case SIPI_RECEIVED = 4
  case AP_RESET_HOLD = 9

  var name: String {
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
