import Foundation
import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Copies of real hosts, in which the words that a guest chooses in KVM's structures hold addresses of another tenant's VM,
/// vCPU and region: the guests are the same, by the kernel's word and by content.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealChosenWordsTests {
  /// MSR values of Hyper-V and KVM, of a VM. Source: arch/x86/kvm/x86.c and hyperv.c, the writers of these members.
  private static let ofVM =
    ["kvm.arch.wall_clock"]
    + ["hv_guest_os_id", "hv_hypercall", "hv_tsc_page", "hv_crash_ctl", "hv_crash_param[0]", "hv_crash_param[1]"].map {
      "kvm.arch.hyperv.\($0)"
    } + (2..<5).map { "kvm.arch.hyperv.hv_crash_param[\($0)]" }
  /// Registers and MSR values, addresses that the guest gives KVM, of a vCPU.
  private static let ofVCPU =
    (0..<16).map { "kvm_vcpu.arch.regs[\($0)]" } + (0..<4).map { "kvm_vcpu.arch.db[\($0)]" }
    + [
      "cr2", "cr3", "pat", "mcg_status", "st.msr_val", "apf.msr_en_val", "pv_eoi.msr_val", "time",
      "ia32_tsc_adjust_msr",
      "smbase", "mmio_fragments[0].gpa", "pio_data", "dr6", "xss",
    ].map { "kvm_vcpu.arch.\($0)" }
    + (0..<7).map { "vcpu_vmx.guest_uret_msrs[\($0)].data" }
    + ["vcpu_vmx.msr_guest_kernel_gs_base", "vcpu_vmx.nested.vmxon_ptr", "vcpu_vmx.nested.current_vmptr"]

  private func regions(_ path: String, byContent: Bool) throws -> [[UInt64?]] {
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    options.isByContent = byContent
    return try Inspection.run(path: path, options).manifest().guests.map { $0.vcpus.map { $0.vmcs?.value } }
  }

  /// Physical addresses of such words: by the kernel's types, and where it has none by the known distances of its build.
  private func places(_ host: KVMRealHost, _ evil: KVMObject, _ kernel: LinuxKernel) throws -> [UInt64] {
    let described = try? DescribedKernel(
      kernel, host.info, modules: KVMTypes.modules, expecting: ["vm_list"], leads: KVMTypes.leads)
    var ofVM: [UInt64] = []
    var ofVCPU: [UInt64] = []
    if let described, described.types.has("vcpu_vmx.vmcs01") {
      ofVM = Self.ofVM.compactMap { try? described.types.offset($0, below: 1 << 20) }
      ofVCPU = Self.ofVCPU.compactMap { try? described.types.offset($0, below: 1 << 20) }
    } else {
      let shape = try #require(KVMShape.named("6.1-mini"))
      ofVCPU = (0..<16 as Range<UInt64>).map { shape.registers + $0 * 8 } + [shape.cr2, shape.kernelGSBase]
      ofVCPU += (0..<4 as Range<UInt64>).map { shape.debugRegisters + $0 * 8 }
      ofVCPU += (0..<7 as Range<UInt64>).map { shape.returnMSRs + $0 * 24 + 8 }
    }
    let all = ofVM.map { evil.address &+ $0 } + evil.vcpus.flatMap { vcpu in ofVCPU.map { vcpu.address &+ $0 } }
    return all.compactMap { kernel.translate($0)?.rawValue }
  }

  @Test(arguments: [("haswell", 35), ("mini", 29)])
  func noWordOfAGuestMakesOrHidesAGuest(name: String, words: Int) throws {
    let host = try KVMRealHost(name)
    let kernel = try host.kernel()
    let evidence = try HostEvidence(kernel: kernel, regions: host.facts)
    // The attacker has two vCPUs.
    let evil = try #require(evidence.kvms.first { $0.vcpus.count == 2 })
    let places = try places(host, evil, kernel)
    #expect(places.count >= 2 * words, "\(places.count)")
    let others = evidence.kvms.filter { $0.address != evil.address }
    let targets =
      [evil.list.head.rawValue] + others.map(\.address.rawValue)
      + others.map { $0.address.rawValue &+ UInt64($0.vmList.offset) }
      + others.flatMap(\.vcpus).flatMap { vcpu in
        [vcpu.address.rawValue] + (evidence.region(of: vcpu.address).map { [kernel.directMapped($0)] } ?? [])
      }

    let directory = try RecipeDirectory()
    let path = directory.path.appending(path: "host.elf").path
    try FileManager.default.copyItem(atPath: host.path + "/vmcore.elf", toPath: path)
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    let dump = try openHostDump(path: path)
    let truth = try regions(path, byContent: false)
    #expect(try regions(path, byContent: true) == truth)
    var random = SplitMix64(seed: 29)
    for trial in 0..<4 {
      // First all words alike, then each its own.
      let one = targets[Int(random.below(UInt64(targets.count)))]
      for place in places {
        let value = trial == 0 ? one : targets[Int(random.below(UInt64(targets.count)))]
        guard case .page(let page) = try dump.entry(place >> 12) else { continue }
        try file.seek(toOffset: page.offset + (place & 0xfff))
        try file.write(contentsOf: Data(LittleEndian.bytes(value)))
      }
      for isByContent in [false, true] {
        let found = try regions(path, byContent: isByContent)
        #expect(found == truth, "trial \(trial), by content: \(isByContent)")
      }
    }
  }
}
