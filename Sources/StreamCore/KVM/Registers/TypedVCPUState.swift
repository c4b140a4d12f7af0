/// What stands in KVM's structures of a vCPU where only the kernel's types tell: debug registers, XCR0, XSS, the SYSCALL
/// MSRs, the FPU. Source: Documentation/kvm.md §6.
struct TypedVCPUState: Sendable, Equatable {
  private(set) var registers: [Register: UInt64] = [:]
  private(set) var fpu: FPUState?
  /// Why one is unknown, by its name.
  private(set) var reasons: [String: String] = [:]
  /// `arch.cr8`.
  private var cr8: UInt64?

  private static let debug: [Register] = [.dr0, .dr1, .dr2, .dr3, .dr6, .dr7]
  static let all: [Register] = debug + [.xcr0, .xss] + UserReturnMSRs.registers.map(\.register)
  /// The guest writes the debug registers without an exit. Source: kvm_host.h, KVM_DEBUGREG_WONT_EXIT.
  private static let wontExit: UInt64 = 2

  init() {}

  /// - Parameters:
  ///   - vcpu: where its `vcpu_vmx` begins.
  ///   - types: `nil` where the kernel's are not known.
  ///   - isActive: what KVM holds is of the guest in question, not of its own guest.
  init(of vcpu: VirtualAddress, _ types: VCPUStateTypes?, isActive: Bool, kernel: LinuxKernel) {
    guard let types, isActive else {
      let reason =
        types == nil
        ? "the host kernel's types do not tell where it stands"
        : "what the host kernel holds is of the guest's own guest"
      for register in Self.all { reasons[register.rawValue] = reason }
      reasons["fpu"] = reason
      return
    }
    let reader = KernelReader(kernel)
    for (register, path) in types.plain {
      take(register) { () throws(KernelFault) in try reader.value(path.get(), at: vcpu) }
    }
    readDebugRegisters(of: vcpu, types, reader)
    readMSRs(of: vcpu, types, reader)
    cr8 = (try? types.cr8.get()).flatMap { try? reader.value($0, at: vcpu) }
    do throws(FPUReading.Fault) { fpu = try FPUReading(types: types, reader: reader).state(of: vcpu) } catch {
      reasons["fpu"] = "\(error)"
    }
  }

  /// Takes KVM's own CR8, which counts while KVM has no APIC for the vCPU.
  mutating func useOwnCR8() {
    // Bits 3:0.
    if let cr8, cr8 <= 0xf { registers[.cr8] = cr8 }
  }

  private mutating func take(_ register: Register, _ read: () throws(KernelFault) -> UInt64) {
    do throws(KernelFault) { registers[register] = try read() } catch { reasons[register.rawValue] = "\(error)" }
  }

  private mutating func readDebugRegisters(of vcpu: VirtualAddress, _ types: VCPUStateTypes, _ reader: KernelReader) {
    let switching: UInt64
    do throws(KernelFault) { switching = try reader.value(types.switching.get(), at: vcpu) } catch {
      for register in Self.debug { reasons[register.rawValue] = "\(error)" }
      return
    }
    guard switching & Self.wontExit == 0 else {
      // The exit has saved DR7 in the VMCS.
      for register in Self.debug { reasons[register.rawValue] = "the guest was using it: it was in the CPU" }
      return
    }
    for (register, path) in types.debug {
      take(register) { () throws(KernelFault) in try reader.value(path.get(), at: vcpu) }
    }
    for register in [Register.dr6, .dr7] {
      guard let value = registers[register], value >> 32 != 0 else { continue }
      registers[register] = nil
      reasons[register.rawValue] = "\(hex(value)) is none: its upper half is always 0"
    }
  }

  private mutating func readMSRs(of vcpu: VirtualAddress, _ types: VCPUStateTypes, _ reader: KernelReader) {
    for (register, number) in UserReturnMSRs.registers {
      do {
        let entries = try types.msrs.get()
        guard let place = try types.order.get().place(of: number), place < entries.count else {
          reasons[register.rawValue] = "KVM does not keep it: its list has no MSR \(hex(number))"
          continue
        }
        registers[register] = try reader.value(entries.data, at: vcpu &+ UInt64(place * entries.stride))
      } catch {
        reasons[register.rawValue] = "\(error)"
      }
    }
  }
}

extension KernelReader {
  /// For paths that are resolved.
  init(_ kernel: LinuxKernel) {
    self.init(kernel: kernel, types: KernelTypes { () throws(TypeFault) in throw .noTypes })
  }
}
