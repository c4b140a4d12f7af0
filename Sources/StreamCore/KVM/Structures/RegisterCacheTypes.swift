/// Ways to KVM's register cache: what it has read from the processor's own structure of a vCPU or is to write there, and
/// the bits that say what of it counts. Only types lead there. Source: arch/x86/kvm/kvm_cache_regs.h; vmx_cache_reg and
/// vmx_segment_cache_test_set in arch/x86/kvm/vmx/vmx.c; Documentation/kvm.md §3.
struct RegisterCacheTypes: Sendable {
  typealias Path = VCPUStateTypes.Path

  /// A control register, and the bits of it that the guest writes without an exit.
  struct Control: Sendable {
    let value: Path
    let owned: Path
    /// Of `regs_avail`; `nil` where the types do not name it.
    let bit: UInt64?
  }

  /// One entry of `segment_cache.seg`, whose first bit in `bitmask` is four times its place.
  struct Segment: Sendable {
    let place: Int
    let selector: Path
    let base: Path
    let limit: Path
    let rights: Path
  }

  let bits: RegisterBits
  let controls: [Register: Control]
  let cr3: Path
  let flags: Path
  let segments: [SegmentRegister: Segment]
  /// `segment_cache.bitmask`.
  let segmentBits: Path
  /// `rmode.vm86_active`: real mode runs as virtual-8086 mode, with segments and flags of KVM's making.
  let isVM86: Path
  /// `arch.pat`: KVM's own, as WRMSR to it exits.
  let pat: Path
  /// Of the last exit; the first that there is.
  let exitReasons: [Path]

  /// Reads all types, for the names of the bits.
  init(_ types: KernelTypes) {
    func path(_ text: String) -> Path {
      do throws(TypeFault) { return .success(try types.path(text)) } catch { return .failure(.type(error)) }
    }
    let sregs = SegmentRegister.allCases.map { ($0, "VCPU_SREG_\($0.rawValue.uppercased())") }
    let values = (try? types.enumerators(RegisterBits.names.union(sregs.map(\.1)))) ?? [:]
    bits = RegisterBits(values)
    func control(_ name: String, _ bit: UInt64?) -> Control {
      Control(value: path("kvm_vcpu.arch.\(name)"), owned: path("kvm_vcpu.arch.\(name)_guest_owned_bits"), bit: bit)
    }
    controls = [.cr0: control("cr0", bits.cr0), .cr4: control("cr4", bits.cr4)]
    cr3 = path("kvm_vcpu.arch.cr3")
    flags = path("vcpu_vmx.rflags")
    var segments: [SegmentRegister: Segment] = [:]
    for (register, name) in sregs {
      guard let place = values[name], (0..<8).contains(place) else { continue }
      let entry = "vcpu_vmx.segment_cache.seg[\(place)]"
      segments[register] = Segment(
        place: Int(place), selector: path(entry + ".selector"), base: path(entry + ".base"),
        limit: path(entry + ".limit"), rights: path(entry + ".ar"))
    }
    self.segments = segments
    segmentBits = path("vcpu_vmx.segment_cache.bitmask")
    isVM86 = path("vcpu_vmx.rmode.vm86_active")
    pat = path("kvm_vcpu.arch.pat")
    // A union since 5.10, in `vt` since 6.16.
    exitReasons = ["exit_reason.full", "exit_reason", "vt.exit_reason.full", "vt.exit_reason"].map {
      path("vcpu_vmx." + $0)
    }
  }
}
