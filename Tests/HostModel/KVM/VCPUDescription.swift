/// What a vCPU did when the crash came.
public enum VCPUActivity: String, Sendable, CaseIterable {
  /// Was in guest mode: nothing is cached in `arch.regs` but what KVM saves at each exit.
  case running
  /// Idle by itself: RIP in `arch.regs` is dirty and one past HLT.
  case halted
  /// Stopped by the monitor, which read all registers.
  case stopped
  /// An application processor that never ran: reset state, no EPT.
  case neverRun = "never-run"
}

/// A vCPU as it shall be; what is `nil` follows from its number.
public struct VCPUDescription: Sendable {
  /// The host's first runs, all others are halted.
  public var activity: VCPUActivity?
  public var apicID: UInt32?
  /// Physical address of its region: a page that is taken already.
  public var vmcs: UInt64?
  /// The host's CPU on which it runs or ran last.
  public var hostCPU: Int?
  /// Stands in a process of the guest.
  public var isUser = false
  public var isXAPIC = false
  /// On an AMD host: its guest has a guest of its own.
  public var nested: NestedState?

  public init() {}
}

/// Which of its two guests ran last on a vCPU.
public enum NestedState: String, Sendable, CaseIterable {
  /// The outer one.
  case idle = "nested"
  /// The inner one.
  case active = "in-own-guest"
}

/// What the vCPUs of one VM have in common.
public struct VMDescription: Sendable {
  public var program: GuestProgram
  /// Its `struct kvm`.
  public var kvm: BuiltKernel.Mapping
  /// Page tables of the VMM.
  public var process: PageTables
  public var eptPointer: UInt64
  /// Physical address of the APIC access page.
  public var apicAccess: UInt64
  public var tscOffset: UInt64
  /// Of an AMD host's VMCBs: 1 nested paging, 2 SEV, 4 SEV-ES.
  public var nestedControl: UInt64 = 1
  /// Nested CR3 of its own guest, as the processor runs it, and where its own hypervisor has that one's VMCB.
  public var shadowPointer: UInt64 = 0
  public var nestedVMCB: UInt64 = 0

  public init(
    program: GuestProgram, kvm: BuiltKernel.Mapping, process: PageTables, eptPointer: UInt64, apicAccess: UInt64,
    tscOffset: UInt64
  ) {
    self.program = program
    self.kvm = kvm
    self.process = process
    self.eptPointer = eptPointer
    self.apicAccess = apicAccess
    self.tscOffset = tscOffset
  }
}

/// One vCPU as it was built: its addresses in the host and its true state.
public struct BuiltVCPU: Sendable {
  /// Physical address of the region.
  public let vmcs: UInt64
  public let apicID: UInt32
  /// Also the index in `vcpu_array`.
  public let vcpuID: Int
  public let hostCPU: Int
  public let state: VCPUActivity
  /// Physical address of the `vcpu_vmx`.
  public let vcpuAddress: UInt64
  /// Every field given to the region, whether or not the layout has it.
  public let fields: [String: UInt64]
  /// What the vCPU truly holds.
  public var registers: BuiltRegisters
  /// The kernel stack of its thread.
  public let stack: BuiltKernel.Mapping
  /// The frame to which HOST_FS_BASE leads.
  public let tlsFrame: UInt64?
  /// Physical address of the VMCB by which the guest's own guest runs.
  public let nestedVMCB: UInt64?

  /// KVM_MP_STATE_*: 0 runnable, 1 uninitialized, 3 halted.
  public var mpState: UInt32 { state == .halted ? 3 : state == .neverRun ? 1 : 0 }
}
