import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// VMs that KVM is making or taking down while the host crashes: what they have comes out, what they have not is said, and
/// the other tenant is exact and nobody else's memory is in their dumps.
@Suite struct HalfMadeVMTests {
  private static let kernels = ["5.14 symbols types", "6.1 symbols types", "7.3 symbols types"]

  private func host(_ kernel: String) throws -> BuiltHost {
    try HostRecipe(
      """
      host ram 64M cpus 2 secrets kernel \(kernel)
      guest half ram 0-4M backing 4K nolinux
        vcpu halted
        vcpu stopped
      guest victim ram 0-4M linux 6.1.0-victim
        vcpu running
      """
    ).build()
  }

  /// The victim is exact, and of what comes out of the other one all is its own.
  @discardableResult
  private func expectIsolated(_ host: BuiltHost, _ location: SourceLocation = #_sourceLocation) throws -> SplitRun {
    let run = try SplitRun(host)
    try run.expectExact(host.guests[1], location)
    let half = host.guests[0]
    guard try run.entry(half).output != nil else { return run }
    for (gfn, page) in try run.pages(half) { #expect(page == half.page(gfn), "\(gfn)", sourceLocation: location) }
    return run
  }

  /// A vCPU stands in the table before `online_vcpus` counts it, and is counted as created before it stands there.
  @Test(arguments: kernels)
  func aVCPUThatIsNotCountedYetIsNoLoss(kernel: String) throws {
    var host = try host(kernel)
    let form = host.shape.kvm
    host.space.memory.store(3, at: host.guests[0].kvm.physical(form.created), width: 4)
    if form.isXArray { host.space.memory.store(1, at: host.guests[0].kvm.physical(form.online), width: 4) }
    let run = try expectIsolated(host)
    #expect(try run.entry(host.guests[0]).vcpus.compactMap(\.vmcs).count == 2)
    #expect(run.manifest.exitStatus == .complete, "\(run.manifest.warnings)")
  }

  @Test(arguments: kernels)
  func aVCPUWithoutAVMCSIsNamed(kernel: String) throws {
    var host = try host(kernel)
    let vcpu = host.guests[0].vcpus[1]
    host.space.memory.store(0, at: vcpu.vcpuAddress + host.shape.vmcs01)
    let run = try expectIsolated(host)
    #expect(try run.entry(host.guests[0]).vcpus.map { $0.vmcs?.value } == [host.guests[0].vcpus[0].vmcs, nil])
    let lost = run.manifest.warnings.filter { $0.code == .lost_vm }
    #expect(lost.count == 1 && run.manifest.exitStatus == .incomplete, "\(run.manifest.warnings)")
  }

  /// Its VMM is not known: EPT is its memory then, and that is said.
  @Test(arguments: kernels)
  func aVMWithoutAnMMIsWhatEPTMaps(kernel: String) throws {
    var host = try host(kernel)
    host.space.memory.store(0, at: host.guests[0].kvm.physical(host.shape.kvm.mm))
    let run = try expectIsolated(host)
    #expect(run.manifest.warnings.contains { $0.code == .lost_slots } && run.manifest.exitStatus == .incomplete)
    #expect(try run.entry(host.guests[0]).pages.known == UInt64(host.guests[0].ranges.joined().count))
  }

  /// A slot that is being deleted is marked before its pages are unmapped: they are the guest's no more, and that is said.
  @Test(arguments: ["6.1 symbols types", "7.3 symbols types"])
  func aSlotThatIsBeingDeletedIsLeftOut(kernel: String) throws {
    var host = try host(kernel)
    for slot in host.structures("kvm_memory_slot", of: "half") {
      // KVM_MEMSLOT_INVALID. Source: include/linux/kvm_host.h.
      host.space.memory.store(1 << 16, at: slot.parts[0].lowerBound + 256, width: 4)
    }
    let run = try expectIsolated(host)
    #expect(try run.entry(host.guests[0]).output == nil)
    #expect(run.manifest.warnings.contains { $0.code == .map_differs && $0.text.contains("outside its memory slots") })
  }

  /// Its VMM's memory is gone, KVM has given its roots up, and the page of the one that its VMCS still names is another
  /// tenant's root by now.
  @Test(arguments: kernels)
  func aVMWhoseMemoryIsGoneHasNobodyElses(kernel: String) throws {
    var host = try host(kernel)
    let (half, victim) = (host.guests[0], host.guests[1])
    let address: UInt64 = 0x000f_ffff_ffff_f000
    for place in 0..<256 as Range<UInt64> { host.space.memory.store(0, at: half.processTables.root + place * 8) }
    host.space.memory.setWords(
      host.memory.words((victim.eptPointer & address) >> 12), frame: (half.eptPointer & address) >> 12)
    let shape = host.shape
    for vcpu in half.vcpus {
      let root = vcpu.vcpuAddress + shape.registers + shape.vcpu.mmu + 8 + shape.vcpu.rootHPA
      host.space.memory.store(.max, at: root)
    }
    let run = try expectIsolated(host)
    #expect(try run.entry(half).output == nil)
    #expect(run.manifest.warnings.contains { $0.code == .not_written }, "\(run.manifest.warnings)")
  }
}
