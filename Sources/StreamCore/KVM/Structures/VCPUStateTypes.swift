/// Ways from a `kvm_vcpu` to state of it that stands where only the kernel's types tell, each with the reason where they
/// do not. Source: arch/x86/include/asm/kvm_host.h, arch/x86/include/asm/fpu/types.h, arch/x86/kvm/vmx/vmx.h;
/// Documentation/kvm.md §6.
struct VCPUStateTypes: Sendable, Equatable {
  typealias Path = Result<ResolvedPath, KernelFault>

  /// Registers that stand in one member each, and are KVM's alone whatever the vCPU does.
  let plain: [Register: Path]
  /// DR0 to DR3, DR6, DR7.
  let debug: [Register: Path]
  /// `arch.switch_db_regs`.
  let switching: Path
  /// `arch.cr8`, which counts where KVM has no APIC for the vCPU.
  let cr8: Path
  let fpu: FPU
  /// Of kernels before 5.16, where `fpu` is not known.
  let plainFPU: PlainFPU
  let thread: Thread
  /// Where the SYSCALL MSRs stand; the order is `UserReturnMSRs`'.
  let msrs: Result<MSRs, KernelFault>
  /// Which MSR stands where in `guest_uret_msrs`.
  var order: Result<UserReturnMSRs, UserReturnMSRsFault> = .failure(.unasked)
  /// `nil` where the vendor module's types are not there.
  let lapic: LAPICTypes?

  /// `arch.guest_fpu.fpstate` and what it points at.
  struct FPU: Sendable, Equatable {
    let state: Path
    let size: Path
    let features: Path
    let isGuests: Path
    let isConfidential: Path
    let isInUse: Path
    let area: Path
  }

  /// `arch.guest_fpu` as a pointer to a `struct fpu`, 5.0 to 5.15, and what says whether it is in use.
  struct PlainFPU: Sendable, Equatable {
    let pointer: Path
    let area: Path
    /// `kvm_vcpu.mutex.owner`, which an ioctl of the vCPU holds.
    let owner: Path
    /// `arch.guest_supported_xcr0`.
    let supported: Path
  }

  /// The task that ran the vCPU last.
  struct Thread: Sendable, Equatable {
    /// `kvm_vcpu.pid->tasks[0].first`.
    let first: Path
    /// `task_struct.pid_links[0]`, and `pprev` in it, from the task.
    let link: Path
    let back: Path
    let onCPU: Path
  }

  /// `vcpu_vmx.guest_uret_msrs[]`.
  struct MSRs: Sendable, Equatable {
    let data: ResolvedPath
    let count: Int
    let stride: Int
  }

  /// - Parameter vendor: whose module's types are there.
  init(_ types: KernelTypes, vendor: Vendor?) {
    func path(_ text: String) -> Path {
      do throws(TypeFault) { return .success(try types.path(text)) } catch { return .failure(.type(error)) }
    }
    var single = [Register.xcr0: path("kvm_vcpu.arch.xcr0"), .xss: path("kvm_vcpu.arch.ia32_xss")]
    if vendor == .amd { single[.tsc_aux] = path("vcpu_svm.tsc_aux") }
    plain = single
    let addresses: [Register] = [.dr0, .dr1, .dr2, .dr3]
    var debug = [Register.dr6: path("kvm_vcpu.arch.dr6"), .dr7: path("kvm_vcpu.arch.dr7")]
    for (index, register) in addresses.enumerated() { debug[register] = path("kvm_vcpu.arch.db[\(index)]") }
    self.debug = debug
    switching = path("kvm_vcpu.arch.switch_db_regs")
    cr8 = path("kvm_vcpu.arch.cr8")
    let state = "kvm_vcpu.arch.guest_fpu.fpstate"
    fpu = FPU(
      state: path(state), size: path(state + "->size"), features: path(state + "->xfeatures"),
      isGuests: path(state + "->is_guest"), isConfidential: path(state + "->is_confidential"),
      isInUse: path(state + "->in_use"), area: path(state + "->regs"))
    let isPlain = (try? fpu.state.get()) == nil
    let old = { (text: String) -> Path in isPlain ? path(text) : .failure(.type(.noTypes)) }
    plainFPU = PlainFPU(
      pointer: old("kvm_vcpu.arch.guest_fpu"), area: old("kvm_vcpu.arch.guest_fpu->state"),
      owner: old("kvm_vcpu.mutex.owner.counter"), supported: old("kvm_vcpu.arch.guest_supported_xcr0"))
    thread =
      switch fpu.state {
      // Kernels without it keep the FPU elsewhere, and their types need not be searched for the thread.
      case .failure: Thread(first: fpu.state, link: fpu.state, back: fpu.state, onCPU: fpu.state)
      case .success:
        Thread(
          first: path("kvm_vcpu.pid->tasks[0].first"), link: path("task_struct.pid_links[0]"),
          back: path("task_struct.pid_links[0].pprev"), onCPU: path("task_struct.on_cpu"))
      }
    msrs = Self.msrs(types)
    lapic = vendor == nil ? nil : LAPICTypes(types: types)
  }

  private static func msrs(_ types: KernelTypes) -> Result<MSRs, KernelFault> {
    do throws(TypeFault) {
      let array = try types.member("vcpu_vmx.guest_uret_msrs")
      guard let count = array.count, let stride = array.elementSize else {
        throw .notAnArray(path: "vcpu_vmx.guest_uret_msrs", at: "")
      }
      return .success(MSRs(data: try types.path("vcpu_vmx.guest_uret_msrs[0].data"), count: count, stride: stride))
    } catch {
      return .failure(.type(error))
    }
  }
}

/// Where the members of a `kvm_lapic` stand. vmlinux declares it and the modules have it, so its name costs a look at
/// all names: it is asked for only where bytes do not tell. Source: arch/x86/kvm/lapic.h.
struct LAPICTypes: Sendable, Equatable {
  let types: KernelTypes

  /// Members stand within so many bytes.
  private static let reach: UInt64 = 4096

  /// From its start to `regs` and to `vcpu`.
  func places() -> (registers: UInt64, vcpu: UInt64)? {
    let places = ["kvm_lapic.regs", "kvm_lapic.vcpu"].compactMap { path in
      try? types.offset(path, below: Self.reach)
    }
    return places.count == 2 ? (places[0], places[1]) : nil
  }
}
