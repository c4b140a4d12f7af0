/// Why the vCPU left the guest last. Source: arch/x86/include/uapi/asm/svm.h, SVM_EXIT_*.
struct SVMExit: Sendable, Hashable {
  let rawValue: UInt64

  /// Linux's name without SVM_EXIT_, `nil` for a code that it does not name.
  var name: String? {
    switch rawValue {
    case 0x00...0x0f: "READ_CR\(rawValue)"
    case 0x10...0x1f: "WRITE_CR\(rawValue - 0x10)"
    case 0x20...0x2f: "READ_DR\(rawValue - 0x20)"
    case 0x30...0x3f: "WRITE_DR\(rawValue - 0x30)"
    case 0x40...0x5f: "EXCP_BASE + \(rawValue - 0x40)"
    default: Self.names[rawValue]
    }
  }

  private static let names: [UInt64: String] = [
    0x60: "INTR", 0x61: "NMI", 0x62: "SMI", 0x63: "INIT", 0x64: "VINTR", 0x65: "CR0_SEL_WRITE", 0x66: "IDTR_READ",
    0x67: "GDTR_READ", 0x68: "LDTR_READ", 0x69: "TR_READ", 0x6a: "IDTR_WRITE", 0x6b: "GDTR_WRITE", 0x6c: "LDTR_WRITE",
    0x6d: "TR_WRITE", 0x6e: "RDTSC", 0x6f: "RDPMC", 0x70: "PUSHF", 0x71: "POPF", 0x72: "CPUID", 0x73: "RSM",
    0x74: "IRET", 0x75: "SWINT", 0x76: "INVD", 0x77: "PAUSE", 0x78: "HLT", 0x79: "INVLPG", 0x7a: "INVLPGA",
    0x7b: "IOIO", 0x7c: "MSR", 0x7d: "TASK_SWITCH", 0x7e: "FERR_FREEZE", 0x7f: "SHUTDOWN", 0x80: "VMRUN",
    0x81: "VMMCALL", 0x82: "VMLOAD", 0x83: "VMSAVE", 0x84: "STGI", 0x85: "CLGI", 0x86: "SKINIT", 0x87: "RDTSCP",
    0x88: "ICEBP", 0x89: "WBINVD", 0x8a: "MONITOR", 0x8b: "MWAIT", 0x8c: "MWAIT_COND", 0x8d: "XSETBV", 0x8e: "RDPRU",
    0x8f: "EFER_WRITE_TRAP", 0xa2: "INVPCID", 0x400: "NPF", 0x401: "AVIC_INCOMPLETE_IPI",
    0x402: "AVIC_UNACCELERATED_ACCESS", 0x403: "VMGEXIT",
  ]
}

extension SVMExit: CustomStringConvertible {
  /// "HLT"; "invalid state" for a VMRUN that failed; else the code.
  var description: String {
    if rawValue == .max { return "invalid state" }
    return name ?? "exit code \(hex(rawValue))"
  }
}
