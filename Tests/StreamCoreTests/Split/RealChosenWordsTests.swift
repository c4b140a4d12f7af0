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

  @Test func noWordOfAGuestMakesOrHidesAGuest() throws {
    let host = try KVMRealHost("haswell")
    let kernel = try host.kernel()
    let described = try DescribedKernel(
      kernel, host.info, modules: KVMTypes.modules, expecting: ["vm_list"], leads: KVMTypes.leads)
    let listed = try #require(try HostWord(host.info, host.memory).listed)
    // The attacker has two vCPUs.
    let evil = try #require(listed.vms.first { $0.vcpus.count == 2 })
    func places(_ paths: [String], from start: VirtualAddress) -> [UInt64] {
      paths.compactMap { path in (try? described.types.offset(path, below: 1 << 20)).map { start &+ $0 } }
        .compactMap { kernel.translate($0)?.rawValue }
    }
    let places =
      places(Self.ofVM, from: evil.kvm)
      + evil.vcpus.flatMap { places(Self.ofVCPU, from: $0.pointer.address) }
    #expect(places.count > 2 * 35 + 6, "\(places.count)")
    let others = listed.vms.filter { $0.kvm != evil.kvm }
    let targets =
      [listed.vmList.list.head.rawValue] + others.map(\.kvm.rawValue)
      + others.map { $0.kvm.rawValue &+ UInt64(listed.vmList.offset) }
      + others.flatMap(\.vcpus).flatMap { vcpu in
        [vcpu.pointer.address.rawValue] + (vcpu.region.map { [kernel.directMapped($0)] } ?? [])
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
      // First everything with one address, then one with another.
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
