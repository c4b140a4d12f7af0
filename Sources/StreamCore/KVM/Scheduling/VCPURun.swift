/// What KVM keeps of when and how a vCPU ran. Source: include/linux/kvm_host.h, kvm_vcpu;
/// arch/x86/include/asm/kvm_host.h, last_host_tsc, st; Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME.
struct VCPURun: Sendable {
  /// Time that the guest was told others took from it.
  struct Steal: Sendable {
    /// Where its counter stands in the guest's memory.
    let place: GPA
    /// The thread's `run_delay` when KVM told the guest last, nanoseconds.
    let told: Reading?
  }

  /// `kvm_vcpu.mode`: 0 outside of its guest, 1 in it, 2 on its way out.
  let mode: Reading?
  /// The time-stamp counter when it last left its CPU; 0 for never.
  let lastHostTSC: Reading?
  /// `nil`: the guest has not asked for it, or that is not known.
  let steal: Steal?

  /// Bit 0 of the MSR switches it on, bits 63:6 are the place.
  private static let enabled: UInt64 = 1
  private static let place: UInt64 = ~0x3f

  /// - Parameter vcpu: its `kvm_vcpu`.
  init(of vcpu: VirtualAddress, _ places: VCPURunPlaces, _ reader: KernelReader) {
    mode = reader.reading(places.mode, at: vcpu)
    lastHostTSC = reader.reading(places.lastHostTSC, at: vcpu)
    guard let msr = reader.reading(places.stealMSR, at: vcpu)?.value, msr & Self.enabled != 0 else {
      steal = nil
      return
    }
    steal = Steal(place: GPA(rawValue: msr & Self.place), told: reader.reading(places.lastSteal, at: vcpu))
  }

  var isInGuest: Bool? { mode.map { $0.value == 1 } }
}

/// Where it stands, by the kernel's types.
struct VCPURunPlaces: Sendable {
  let mode: ProcessPlaces.Place
  let lastHostTSC: ProcessPlaces.Place
  let stealMSR: ProcessPlaces.Place
  let lastSteal: ProcessPlaces.Place

  init(_ types: KernelTypes) {
    mode = types.place("kvm_vcpu.mode")
    lastHostTSC = types.place("kvm_vcpu.arch.last_host_tsc")
    stealMSR = types.place("kvm_vcpu.arch.st.msr_val")
    lastSteal = types.place("kvm_vcpu.arch.st.last_steal")
  }
}
