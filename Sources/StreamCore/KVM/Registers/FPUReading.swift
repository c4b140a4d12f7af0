/// Reads the FPU state that KVM keeps for a vCPU. It is in memory unless a CPU has it: KVM_RUN loads it (`in_use`), and
/// the scheduler saves it when the thread leaves its CPU. Before 5.16 KVM_RUN puts it into the thread's own FPU state,
/// and back as it ends. Source: arch/x86/kernel/fpu/core.c, fpu_swap_kvm_fpstate and switch_fpu_prepare;
/// arch/x86/kvm/x86.c of 5.10, kvm_load_guest_fpu and kvm_put_guest_fpu; Documentation/kvm.md §6.
struct FPUReading {
  let types: VCPUStateTypes
  let reader: KernelReader

  enum Fault: Error, Equatable {
    case kernel(KernelFault)
    /// `guest_fpu.fpstate` holds this.
    case noState(UInt64)
    /// What stands there is not marked as a guest's.
    case notGuests(UInt64)
    /// The guest's memory and state are encrypted.
    case confidential
    /// The vCPU's thread was on a CPU, in KVM_RUN.
    case onCPU
    /// The vCPU was in one of its ioctls, which on kernels before 5.16 may have had its FPU state elsewhere.
    case inUse
    /// The area has no XSAVE header, and the guest no XSAVE: it cannot be told from a state that was never used.
    case noHeader
    /// The thread that this names as the vCPU's does not name it in turn.
    case noThread(VirtualAddress)
    case area(FPUFault)
  }

  func state(of vcpu: VirtualAddress) throws(Fault) -> FPUState {
    if case .success = types.plainFPU.area { return try plainState(of: vcpu) }
    let pointer = try value(types.fpu.state, vcpu)
    guard reader.kernel.isPointer(pointer) else { throw .noState(pointer) }
    guard try value(types.fpu.isGuests, vcpu) == 1 else { throw .notGuests(pointer) }
    guard try value(types.fpu.isConfidential, vcpu) == 0 else { throw .confidential }
    let size = try value(types.fpu.size, vcpu)
    let features = try value(types.fpu.features, vcpu)
    if try value(types.fpu.isInUse, vcpu) != 0, try isOnCPU(vcpu) { throw .onCPU }
    let area = try self.area(types.fpu.area, size, vcpu)
    return try state(area, size: size, features)
  }

  private func plainState(of vcpu: VirtualAddress) throws(Fault) -> FPUState {
    let pointer = try value(types.plainFPU.pointer, vcpu)
    guard reader.kernel.isPointer(pointer) else { throw .noState(pointer) }
    // The lowest bits are the lock's own.
    guard try value(types.plainFPU.owner, vcpu) & ~7 == 0 else { throw .inUse }
    let size = UInt64(FPUState.areaSize)
    let area = try self.area(types.plainFPU.area, size, vcpu)
    let supported = try value(types.plainFPU.supported, vcpu)
    let used: UInt64 = area.load(FPUState.legacySize) ?? 0
    let form: UInt64 = area.load(FPUState.legacySize + 8) ?? 0
    guard supported != 0 || used != 0 || form != 0 else { throw .noHeader }
    return try state(area, size: size, FPUState.features(supported: supported, form: form))
  }

  private func area(
    _ path: VCPUStateTypes.Path, _ size: UInt64, _ vcpu: VirtualAddress
  ) throws(Fault) -> [UInt8] {
    do throws(KernelFault) {
      let place = try reader.address(path.get(), at: vcpu)
      let count = Int(min(size, UInt64(FPUState.areaSize)))
      do throws(KernelReadFault) { return try reader.kernel.read(place, count: count) } catch { throw .read(error) }
    } catch { throw .kernel(error) }
  }

  private func state(_ area: [UInt8], size: UInt64, _ features: UInt64) throws(Fault) -> FPUState {
    do throws(FPUFault) { return try FPUState(area: area, size: size, features: features) } catch {
      throw .area(error)
    }
  }

  /// Whether the thread that ran the vCPU last stands on a CPU.
  private func isOnCPU(_ vcpu: VirtualAddress) throws(Fault) -> Bool {
    let node = try value(types.thread.first, vcpu)
    do throws(KernelFault) {
      let link = try types.thread.link.get().member.offset
      let task = VirtualAddress(rawValue: node) &- UInt64(link)
      let head = try reader.address(types.thread.first.get(), at: vcpu)
      if reader.kernel.isPointer(node), try reader.pointer(types.thread.back.get(), at: task) == head {
        return try reader.value(types.thread.onCPU.get(), at: task) != 0
      }
    } catch { throw .kernel(error) }
    throw .noThread(VirtualAddress(rawValue: node))
  }

  private func value(_ path: VCPUStateTypes.Path, _ vcpu: VirtualAddress) throws(Fault) -> UInt64 {
    do throws(KernelFault) { return try reader.value(path.get(), at: vcpu) } catch { throw .kernel(error) }
  }
}

extension FPUReading.Fault: CustomStringConvertible {
  var description: String {
    switch self {
    case .kernel(let fault): "\(fault)"
    case .noState(let value): "its fpstate is at \(hex(value)), where no object of the kernel is"
    case .notGuests(let value): "its fpstate at \(hex(value)) is not a guest's"
    case .confidential: "the guest's state is encrypted"
    case .onCPU: "the vCPU's thread was on a CPU, and the CPU had it"
    case .inUse: "an ioctl of the vCPU was under way, and this kernel may have had it in the thread's state or the CPU"
    case .noHeader: "it has no XSAVE header, and cannot be told from one that was never used"
    case .noThread(let node): "its thread is not known: \(node) does not name it"
    case .area(let fault): "\(fault)"
    }
  }
}
