import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Hosts that describe themselves, at the ends of what there is: many vCPUs, many VMs, five levels of tables, other
/// VMMs.
@Suite struct DescribedScaleTests {
  private func expectExact(_ recipe: String, _ location: SourceLocation = #_sourceLocation) throws -> SplitRun {
    let run = try SplitRun(recipe)
    #expect(run.manifest.discovery?.way == "kernel" && run.manifest.discovery?.why == nil, sourceLocation: location)
    #expect(run.manifest.guests.count == run.host.liveGuests.count, sourceLocation: location)
    for guest in run.host.liveGuests { try run.expectExact(guest, location) }
    #expect(run.manifest.exitStatus == .complete, "\(run.manifest.warnings)", sourceLocation: location)
    return run
  }

  /// An array of 288, and xarrays of more than one level.
  @Test(arguments: ["5.14 symbols types", "6.1 symbols types", "7.3 symbols types"])
  func aVMOf255VCPUs(kernel: String) throws {
    let vcpus = (0..<255).map { "  vcpu apic \(254 - $0)" }.joined(separator: "\n")
    let run = try expectExact(
      """
      host ram 64M cpus 8 kernel \(kernel)
      guest wide ram 0-2M nolinux
      \(vcpus)
      guest small ram 0-4M linux 6.1.0-s
      """)
    let wide = try run.entry(try #require(run.host.guest("wide")))
    #expect(wide.vcpus.count == 255 && Set(wide.vcpus.compactMap { $0.vmcs?.value }).count == 255)
    #expect(Set(wide.vcpus.compactMap { $0.thread?.tid }).count == 255)
  }

  @Test(arguments: ["5.10 symbols types builtin", "6.12 symbols types", "7.3 symbols types"])
  func sixtyFourVMs(kernel: String) throws {
    let programs = ["qemu", "firecracker", "cloud-hypervisor"]
    let guests = (0..<64).map {
      "guest vm\($0) ram 0-1M+128K backing 4K nolinux process \(programs[$0 % 3])\n  untouched 0-960K"
    }
    let run = try expectExact("host ram 128M cpus 4 kernel \(kernel)\n" + guests.joined(separator: "\n"))
    #expect(Set(run.manifest.guests.map(\.name)) == Set((0..<64).map { "vm\($0)" }))
    #expect(Set(run.manifest.guests.compactMap { $0.vm?.pid }).count == 64)
  }

  @Test(arguments: ["6.1 symbols types la57", "7.3 symbols types la57"])
  func fiveLevelsOnAllSides(kernel: String) throws {
    _ = try expectExact(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M levels 5 la57 linux 6.1.0-a
        vcpu halted
        vcpu running
      guest b ram 0-2M 4G-4G+2M levels 5 nolinux process cloud-hypervisor
      """)
  }

  @Test(arguments: ["5.10 symbols types builtin", "6.1 symbols types", "7.3 symbols types"])
  func otherVMMs(kernel: String) throws {
    let run = try expectExact(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest micro ram 0-4M linux 6.1.0-m process firecracker
      guest cloud ram 0-2M nolinux process cloud-hypervisor
        vcpu
        vcpu
      guest twin ram 0-2M nolinux of cloud
      """)
    #expect(run.manifest.guests.compactMap { $0.vm?.comm }.count == 3)
  }
}
