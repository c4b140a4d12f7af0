/// Ways to what KVM keeps of clocks, by the kernel's types; each is known or not on its own.
struct VMClockTypes: Sendable {
  typealias Place = ProcessPlaces.Place

  private let offset: Place
  private let isMastered: Place
  private let masterKernel: Place
  private let masterTSC: Place
  private let counterSet: Place
  private let vcpuOffset: Place
  private let ratio: Place
  private let lastLeft: Place
  private let thread: Place
  private let onCPU: Place
  /// Of `kvm_vcpu.arch.hv_clock`, up to 6.14.
  private let pvTSC: Place
  private let pvTime: Place
  private let pvMultiplier: Place
  private let pvShift: Place
  private let processes: ProcessPlaces

  init(_ types: KernelTypes) {
    offset = types.place("kvm.arch.kvmclock_offset")
    isMastered = types.place("kvm.arch.use_master_clock")
    masterKernel = types.place("kvm.arch.master_kernel_ns")
    masterTSC = types.place("kvm.arch.master_cycle_now")
    counterSet = types.place("kvm.arch.cur_tsc_nsec")
    // Names of one level before 5.14.
    vcpuOffset = types.place("kvm_vcpu.arch.l1_tsc_offset", "kvm_vcpu.arch.tsc_offset")
    ratio = types.place("kvm_vcpu.arch.l1_tsc_scaling_ratio", "kvm_vcpu.arch.tsc_scaling_ratio")
    lastLeft = types.place("kvm_vcpu.arch.last_host_tsc")
    thread = types.place("kvm_vcpu.pid")
    onCPU = types.place("task_struct.on_cpu")
    pvTSC = types.place("kvm_vcpu.arch.hv_clock.tsc_timestamp")
    pvTime = types.place("kvm_vcpu.arch.hv_clock.system_time")
    pvMultiplier = types.place("kvm_vcpu.arch.hv_clock.tsc_to_system_mul")
    pvShift = types.place("kvm_vcpu.arch.hv_clock.tsc_shift")
    processes = ProcessPlaces(types)
  }

  func clock(of vm: ListedVM, _ reader: KernelReader) throws(KernelFault) -> VMClock {
    let own = Int64(bitPattern: try reader.value(offset, at: vm.kvm))
    var master: VMClock.Master?
    if try reader.value(isMastered, at: vm.kvm) & 1 == 1 {
      master = VMClock.Master(
        kernel: try reader.value(masterKernel, at: vm.kvm), tsc: try reader.value(masterTSC, at: vm.kvm))
    }
    var clock = VMClock(offset: own, master: master)
    clock.counterSet = try? reader.value(counterSet, at: vm.kvm)
    for vcpu in vm.vcpus { clock.vcpus[vcpu.pointer.index] = self.vcpu(at: vcpu.pointer.address, reader) }
    return clock
  }

  private func vcpu(at place: VirtualAddress, _ reader: KernelReader) -> VCPUClock {
    var vcpu = VCPUClock()
    vcpu.offset = try? reader.value(vcpuOffset, at: place)
    vcpu.ratio = try? reader.value(ratio, at: place)
    vcpu.lastLeft = try? reader.value(lastLeft, at: place)
    if let pid = try? reader.pointer(thread, at: place) {
      if pid.rawValue == 0 {
        vcpu.isOnCPU = false
      } else if let task = try? LinuxThread.task(of: pid, processes, reader) {
        vcpu.isOnCPU = (try? reader.value(onCPU, at: task)).map { $0 != 0 }
      }
    }
    if let tsc = try? reader.value(pvTSC, at: place), let time = try? reader.value(pvTime, at: place),
      let multiplier = try? reader.value(pvMultiplier, at: place), let shift = try? reader.value(pvShift, at: place)
    {
      vcpu.pvclock = PVClock(
        tsc: tsc, time: time, multiplier: UInt32(truncatingIfNeeded: multiplier),
        shift: Int8(truncatingIfNeeded: shift))
    }
    return vcpu
  }
}
