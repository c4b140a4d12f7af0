import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Hosts whose kernels describe themselves: guests come out by the kernel's own word, without a look at other pages.
@Suite struct DescribedHostSplitTests {
  /// Kernels, and the words by which they describe themselves.
  static let kernels = [
    "4.18 symbols types builtin", "5.10 symbols types builtin", "5.14 symbols types", "6.1 symbols types",
    "6.1 symbols content types", "6.1 symbols types builtin", "6.12 symbols types", "7.3 symbols types",
    "7.3 symbols content types", "6.1 symbols types la57", "6.1 symbols types pti",
  ]

  private func recipe(_ kernel: String) -> String {
    """
    host ram 64M cpus 2 kernel \(kernel)
    guest a ram 0-4M linux 6.1.0-a
      vcpu halted
      vcpu running
    guest b ram 0-4M backing 4K shuffled linux 6.12.0-b
      vcpu apic 1
      vcpu apic 0
      vcpu never-run
    """
  }

  @Test(arguments: kernels)
  func guestsComeOutByTheKernelsWord(kernel: String) throws {
    let run = try SplitRun(recipe(kernel))
    #expect(run.manifest.discovery?.way == "kernel")
    #expect(run.manifest.discovery?.why == nil)
    #expect(run.manifest.counters["scan_pages"] == 0)
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    for guest in run.manifest.guests { #expect(guest.osrelease != nil) }
    #expect(run.manifest.exitStatus == .complete, "\(run.manifest.warnings)")
  }

  @Test(arguments: ["5.14 symbols types", "6.1 symbols types", "6.12 symbols types"])
  func bothWaysGiveTheSameGuests(kernel: String) throws {
    let own = try SplitRun(recipe(kernel))
    var options = SplitRun.Options()
    options.isByContent = true
    let content = try SplitRun(own.host, options)
    #expect(content.manifest.discovery?.way == "content")
    for guest in own.host.liveGuests { #expect(try own.pages(guest) == content.pages(guest)) }
    options.isByContent = false
    options.scans = true
    let both = try SplitRun(own.host, options)
    #expect(both.manifest.discovery?.way == "both")
    #expect(try both.files() == own.files())
  }

  @Test func deadGuestsAreFoundByALookAtEveryPage() throws {
    let recipe = """
      host ram 64M symbols types
      guest a ram 0-4M linux 6.1.0-a
      guest gone ram 0-4M dead linux 6.1.0-b
      """
    let run = try SplitRun(recipe)
    #expect(run.manifest.guests.count == 1 && run.manifest.defunct.isEmpty)
    var options = SplitRun.Options()
    options.scans = true
    let scanned = try SplitRun(run.host, options)
    #expect(scanned.manifest.guests.count == 1)
    #expect(scanned.manifest.defunct.map(\.vmcs.value) == run.host.guest("gone").map { $0.vcpus.map(\.vmcs) })
  }

  /// KVM makes the list's member first and the vCPUs later; a table that is empty says so itself.
  @Test(arguments: ["5.14 symbols types", "6.1 symbols types", "7.3 symbols types"])
  func aVMWithoutAVCPUYetIsSaidToBeOne(kernel: String) throws {
    var host = try HostRecipe(recipe(kernel) + "\nguest new ram 0-2M nolinux").build()
    let form = host.shape.kvm
    let kvm = try #require(host.guest("new")).kvm
    for place in [form.isXArray ? form.vcpus + 8 : form.vcpus, form.online & ~7] {
      let physical = try #require(kvm.parts(place..<place + 8).first)
      host.space.memory.write([UInt8](repeating: 0, count: 8), at: physical.lowerBound)
    }
    let run = try SplitRun(host)
    #expect(run.manifest.guests.count == 2)
    #expect(run.manifest.warnings.map(\.code) == [.no_vcpu], "\(run.manifest.warnings)")
    #expect(run.manifest.exitStatus == .complete)
  }
}
