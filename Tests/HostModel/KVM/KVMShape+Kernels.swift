extension KVMShape {
  public static func named(_ name: String) -> KVMShape? { all.first { $0.name == name } }

  /// The kernels that a host can have. `6.1-mini` is the own build of the `mini` dump: 8 bytes less before `vmcs01`.
  /// `6.1-early` and `6.12-early` are these before their stable releases of 2025 moved `host_debugctl` from behind
  /// `nested` into `arch`, before `apic_base` (commit fb71c7959356): what stands behind it was 8 bytes lower.
  ///
  /// Of 4.18 and 5.14 the order and types of the members from `rflags` to the MSR areas and of `struct kvm` up to
  /// `vm_list` are the sources' (arch/x86/kvm/vmx.c, vmx/vmx.h, vmx/vmcs.h, kvm_host.h of those releases: 288
  /// `vcpus[]`, `loaded_vmcs` of 88 and 152 bytes, one `nr` for both MSR areas in 4.18.0); how long `kvm_vcpu` is
  /// depends on the configuration and is assumed.
  ///
  /// 7.3 is that of Documentation/kvm.md §8, and so is 5.10 as far as it goes: its members before `rflags` and from
  /// `msr_autoload` on are assumed.
  public static let all: [KVMShape] = [
    KVMShape(
      name: "6.1", debugRegisters: 2984, xcr0: 2040, rflags: 6576, returnMSRs: 6584, kernelGSBase: 6768, vmcs01: 6792,
      loadedVMCS: 6952, autoload: 6976, segmentCache: 7600, size: 9088, userspacePID: 40408, kvmPages: 11, emptyEPT: 0,
      kvm: KVMForm(statsID: 40456)),
    KVMShape(
      name: "6.1-mini", debugRegisters: 2984, xcr0: 2040, rflags: 6568, returnMSRs: 6576, kernelGSBase: 6760,
      vmcs01: 6784, loadedVMCS: 6944, autoload: 6976, segmentCache: 7600, size: 9088, userspacePID: 40408, kvmPages: 11,
      emptyEPT: 0, kvm: KVMForm(statsID: 40456)),
    KVMShape(
      name: "6.1-early", debugRegisters: 2976, xcr0: 2032, rflags: 6568, returnMSRs: 6576, kernelGSBase: 6760,
      vmcs01: 6784, loadedVMCS: 6944, autoload: 6976, segmentCache: 7600, size: 9088, userspacePID: 40408, kvmPages: 11,
      emptyEPT: 0, apicBaseGap: 232, kvm: KVMForm(statsID: 40456)),
    KVMShape(
      name: "6.12-early", debugRegisters: 2824, xcr0: 2008, rflags: 6496, returnMSRs: 6504, kernelGSBase: 6688,
      vmcs01: 6712, loadedVMCS: 6872, autoload: 6896, segmentCache: 7520, size: 9024, userspacePID: 6976, kvmPages: 2,
      emptyEPT: 1 << 63, apicBaseGap: 232, kvm: KVMForm(statsID: 7040), vcpu: VCPUForm(rootHPA: 56)),
    KVMShape(
      name: "6.12", debugRegisters: 2832, xcr0: 2016, rflags: 6504, returnMSRs: 6512, kernelGSBase: 6696, vmcs01: 6720,
      loadedVMCS: 6880, autoload: 6912, segmentCache: 7536, size: 9024, userspacePID: 6976, kvmPages: 2,
      emptyEPT: 1 << 63, kvm: KVMForm(statsID: 7040), vcpu: VCPUForm(rootHPA: 56)),
    KVMShape(
      name: "7.3", debugRegisters: 2712, xcr0: 1792, rflags: 6600, returnMSRs: 6608, kernelGSBase: 6784, vmcs01: 6808,
      loadedVMCS: 6968, autoload: 6992, segmentCache: 7616, size: 9024, userspacePID: 6936, kvmPages: 2,
      emptyEPT: 1 << 63, eferGap: 232, apicBaseGap: 248,
      kvm: KVMForm(
        mm: 56, vcpus: 4376, online: 4440, created: 4448, list: 4456, statsID: 6984, memslotSets: 72, memslots: 4360,
        isInDirectMap: true, attributes: 6968),
      vcpu: VCPUForm(pid: 112, rootHPA: 32, rflagsGap: 144, vt: 6464, nestedGap: 208, vmcs02: 136, fpuSize: 32),
      maskSize: 8),
    KVMShape(
      name: "5.14", debugRegisters: 3008, xcr0: 2064, rflags: 6384, returnMSRs: 6392, kernelGSBase: 6576, vmcs01: 6600,
      loadedVMCS: 6752, autoload: 6784, segmentCache: 7408, size: 8960, userspacePID: 6000, kvmPages: 2, emptyEPT: 0,
      registers: 320, apicBaseGap: 232,
      kvm: KVMForm(
        mm: 72, vcpus: 96, isXArray: false, online: 2400, created: 2404, list: 2416, statsID: 6048, memslots: 80),
      vcpu: VCPUForm(isRootPair: false, hasFPState: false, hasPlainFPU: true)),
    KVMShape(
      name: "5.10", debugRegisters: 5000, xcr0: 4000, rflags: 10_040, returnMSRs: 10_048, kernelGSBase: 10_232,
      vmcs01: 10_256, loadedVMCS: 10_408, autoload: 10_432, segmentCache: 11_056, size: 12_608, userspacePID: 187_576,
      kvmPages: 46, emptyEPT: 0, registers: 560, apicBaseGap: 232,
      kvm: KVMForm(
        mm: 40, vcpus: 64, isXArray: false, online: 2368, created: 2372, list: 2384, memslots: 48),
      vcpu: VCPUForm(
        pid: 144, mmu: 368, rootHPA: 56, isRootPair: false, hasFPState: false, hasPlainFPU: true)),
    KVMShape(
      name: "4.18", debugRegisters: 5000, xcr0: 4000, rflags: 9944, returnMSRs: 9952, kernelGSBase: 9984,
      vmcs01: 10_024, loadedVMCS: 10_112, autoload: 10_144, segmentCache: 10_800, size: 12_800, userspacePID: 6000,
      kvmPages: 2, emptyEPT: 0, registers: 560, eferGap: 208, apicBaseGap: 216, exitGap: 128, hasMSRPage: true,
      loaded: LoadedForm(msrBitmap: 64, link: 72, hostState: 24, hasWholeHostState: false, controls: nil),
      kvm: KVMForm(
        mm: 40, vcpus: 64, isXArray: false, online: 2368, created: 2372, list: 2384, memslots: 48),
      vcpu: VCPUForm(pid: 144, mmu: 368, rootHPA: 56, isRootPair: false, hasFPState: false)),
  ]
}
