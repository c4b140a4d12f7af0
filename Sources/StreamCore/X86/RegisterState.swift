/// Where a register's value comes from (Documentation/design.md §4).
enum RegisterSource: String, Sendable, Codable, Equatable {
  /// The field of the VMCS.
  case vmcs
  /// The field of the VMCB.
  case vmcb
  /// The host kernel's copy, `kvm_vcpu.arch`.
  case kvm
  /// A stated rule over other values.
  case derived
}

/// A value with its source.
struct Sourced<Value: Sendable & Equatable>: Sendable, Equatable {
  var value: Value
  var source: RegisterSource

  init(_ value: Value, _ source: RegisterSource) {
    self.value = value
    self.source = source
  }
}

/// The registers of a vCPU that are plain numbers, named as users write them.
enum Register: String, Sendable, CaseIterable, Codable {
  case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
  case rip, rflags, cr0, cr2, cr3, cr4, cr8, efer, pat
  case dr0, dr1, dr2, dr3, dr6, dr7
  case xcr0, xss
  case kernel_gs_base
  case sysenter_cs, sysenter_esp, sysenter_eip
  /// The MSRs of SYSCALL, and the one that RDTSCP and RDPID read.
  case star, lstar, cstar, fmask, tsc_aux

  /// The general registers in the order of KVM's `arch.regs`, which is the processor's own numbering.
  static let general: [Register] = [
    .rax, .rcx, .rdx, .rbx, .rsp, .rbp, .rsi, .rdi, .r8, .r9, .r10, .r11, .r12, .r13, .r14, .r15,
  ]
}

/// The segment registers of a vCPU, in the order of the VMCS encodings.
enum SegmentRegister: String, Sendable, CaseIterable, Codable {
  case es, cs, ss, ds, fs, gs, ldtr, tr
}

/// One segment register. Access rights in the form of the SDM (vol. 3, 26.4.1): bits 3:0 type, 4 S, 6:5 DPL, 7 P, 12
/// AVL, 13 L, 14 D/B, 15 G, 16 unusable.
struct Segment: Sendable, Equatable {
  var selector: UInt16
  var base: UInt64
  /// In bytes, as the VMCS holds it.
  var limit: UInt32
  var accessRights: UInt32

  var isUnusable: Bool { accessRights >> 16 & 1 == 1 }
}

/// GDTR or IDTR.
struct DescriptorTable: Sendable, Equatable {
  var base: UInt64
  var limit: UInt32
}

/// What a guest's vCPU held, vendor-neutral. What is not known is not there: nothing is invented.
struct RegisterState: Sendable, Equatable {
  var registers: [Register: Sourced<UInt64>] = [:]
  var segments: [SegmentRegister: Sourced<Segment>] = [:]
  var gdtr: Sourced<DescriptorTable>?
  var idtr: Sourced<DescriptorTable>?
  var fpu: Sourced<FPUState>?
  /// Why something is unknown, by its name in `unknown`; not of everything that is.
  var reasons: [String: String] = [:]

  subscript(_ register: Register) -> UInt64? { registers[register]?.value }

  /// Names of what is unknown, in a fixed order.
  var unknown: [String] {
    Register.allCases.filter { registers[$0] == nil }.map(\.rawValue)
      + SegmentRegister.allCases.filter { segments[$0] == nil }.map(\.rawValue)
      + (gdtr == nil ? ["gdtr"] : []) + (idtr == nil ? ["idtr"] : [])
      + (fpu == nil ? ["fpu"] : [])
  }
}
