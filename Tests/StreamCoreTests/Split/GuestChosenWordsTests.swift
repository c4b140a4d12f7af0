import Foundation
import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Words that guests choose in the kernel's own memory: MSR values that KVM keeps in `struct kvm`, registers and FPU words
/// in and beside `vcpu_vmx`. With an address of something forged, or of another tenant's, in any of them, the guests are
/// the same, by the kernel's word and by content.
@Suite struct GuestChosenWordsTests {
  private static func recipe(_ kernel: String) -> String {
    """
    host ram 64M cpus 2 secrets kernel \(kernel) symbols types seed 23
    forge victim 0 complete maps host
    guest evil ram 0-6M backing 2M linux 6.1.0-evil
      forge 0x400000 evil 0 complete maps victim
      vcpu halted
      vcpu stopped
    guest victim ram 0-4M linux 6.1.0-victim
      vcpu running
    """
  }

  /// Where a guest's values stand: behind `vm_list` in its `struct kvm`; in a `vcpu_vmx` behind its registers, but not
  /// where KVM has its regions' addresses; in the FPU's area of its vCPUs.
  private static func places(_ guest: BuiltGuest, _ host: BuiltHost) -> [UInt64] {
    let shape = host.shape
    var places = stride(from: shape.kvm.list + 16, to: UInt64(shape.kvmPages) << 12, by: 8).map {
      guest.kvm.physical($0)
    }
    for vcpu in guest.vcpus {
      let registers = shape.registers..<shape.registers + 136
      let kept = [shape.vmcs01..<shape.loadedVMCS + 8, shape.nestedPlace..<shape.size]
      let unchosen = [shape.apicBase..<shape.apic + 8, shape.fpstate..<shape.fpstate + 8, shape.cr0..<shape.efer + 8]
      for offset in stride(from: registers.lowerBound, to: shape.size, by: 8)
      where registers.contains(offset) || !(kept + unchosen).contains(where: { $0.contains(offset) }) {
        places.append(vcpu.vcpuAddress + offset)
      }
      guard shape.vcpu.hasFPState else { continue }
      let area = host.memory.load(vcpu.vcpuAddress + shape.fpstate) &- host.kernel.directMap
      places += (0..<104 as Range<UInt64>).map { area + 64 + $0 * 8 }
    }
    return places
  }

  /// What is worth pointing at.
  private static func targets(_ host: BuiltHost) -> [UInt64] {
    let kernel = host.kernel
    let forged = host.forgeries.flatMap { forgery -> [UInt64] in
      // As the forgeries have them: the vCPU, its VM, the VM's node, a list of two.
      let base = forgery.region
      return [base, base + 1 << 12, base + 5 << 12, base + 5 << 12 + host.shape.kvm.list, base + 17 << 12]
    }
    var targets = forged.map(kernel.virtual) + [host.vmList, 0, .max]
    for guest in host.guests {
      targets += [guest.kvm.virtual, guest.kvm.virtual + host.shape.kvm.list]
      for vcpu in guest.vcpus {
        targets += [vcpu.vmcs, vcpu.vcpuAddress, vcpu.vcpuAddress + host.shape.vmcs01].map(kernel.virtual)
      }
    }
    return targets
  }

  private func regions(_ subject: MutableHost, byContent: Bool) throws -> [[UInt64?]] {
    var options = Inspection.Options(.list, workers: Workers(count: 1))
    options.isByContent = byContent
    let manifest = try Inspection.run(path: subject.path, options).manifest()
    return manifest.guests.map { $0.vcpus.map { $0.vmcs?.value } }
  }

  @Test(arguments: ["5.14", "6.1", "7.3"])
  func noWordOfAGuestsMakesOrHidesAGuest(kernel: String) throws {
    let subject = try MutableHost(Self.recipe(kernel))
    let host = subject.host
    let evil = try #require(host.guest("evil"))
    let places = Self.places(evil, host)
    let targets = Self.targets(host)
    let truth = try [false, true].map { try regions(subject, byContent: $0) }
    #expect(truth[0].count == 2 && truth[0] == truth[1])
    var random = SplitMix64(seed: 7)
    let range = ProcessInfo.processInfo.environment["VMCS_SPLIT_WAY_MUTATIONS"] == nil ? 0..<24 : 0..<1000
    for trial in range {
      // Runs of words at once: registers and FPU are chosen together.
      let start = Int(random.below(UInt64(places.count)))
      let changes = places[start...].prefix(1 + Int(random.below(16))).map { place in
        (place, LittleEndian.bytes(targets[Int(random.below(UInt64(targets.count)))]))
      }
      let found = try subject.with(changes) { try [false, true].map { try regions(subject, byContent: $0) } }
      #expect(found == truth, "trial \(trial): \(changes)")
    }
  }

  /// Each vCPU of the attacker's has registers that look like a `loaded_vmcs`, and it has more than all others.
  @Test(arguments: ["4.18", "5.14", "6.1", "6.12"])
  func anAttackerWithMoreVCPUsThanAllOthersDoesNotOutvoteThem(kernel: String) throws {
    let forgeries = (0..<4).map { "forge evil \($0) in-registers maps host" }.joined(separator: "\n")
    let recipe = """
      host ram 64M cpus 2 secrets kernel \(kernel)
      \(forgeries)
      guest evil ram 0-4M linux 6.1.0-evil
        vcpu halted
        vcpu halted
        vcpu halted
        vcpu halted
      guest victim ram 0-4M linux 6.1.0-victim
        vcpu stopped
      """
    let run = try SplitRun(recipe)
    #expect(run.manifest.guests.count == 2)
    let victim = try #require(run.host.guest("victim"))
    try run.expectExact(victim)
    let evil = try #require(run.host.guest("evil"))
    let own = try run.entry(evil).vcpus.compactMap { $0.vmcs?.value }
    #expect(Set(own) == Set(evil.vcpus.map(\.vmcs)))
  }

  /// All of the host's kernel - image, names, types, lists, VMs, vCPUs, regions, page tables - copied page by page into a
  /// guest's memory and into free pages of the host, as a file in the page cache would be.
  @Test(arguments: [("6.1", false), ("6.1", true), ("7.3", false), ("5.14", true)])
  func aHostCopiedWholeMakesNoGuest(kernel: String, byContent: Bool) throws {
    var host = try HostRecipe(
      """
      host ram 96M cpus 2 kernel \(kernel) symbols types
      guest evil ram 0-24M backing 2M nolinux
      guest victim ram 0-4M linux 6.1.0-victim
        vcpu running
        vcpu halted
      """
    ).build()
    let evil = host.guests[0]
    let guests = Set(host.guests.flatMap { guest in guest.ranges.joined().compactMap { guest.backing.frame($0) } })
    let own = host.memory.pages.keys.filter { !guests.contains($0) }.sorted()
    let inside = evil.ranges.joined().filter { $0 >= 512 }.compactMap { evil.backing.frame($0) }
    let free = host.ram.joined().filter { $0 >= 256 && !host.space.isUsed($0) }
    #expect(
      own.count > 100 && inside.count > own.count && free.count > own.count,
      "\(own.count) \(inside.count) \(free.count)")
    for places in [inside, free] {
      for (from, to) in zip(own, places) { host.space.memory.setWords(host.memory.words(from), frame: to) }
    }
    var options = SplitRun.Options()
    options.isByContent = byContent
    options.scans = !byContent
    let run = try SplitRun(host, options)
    #expect(run.manifest.guests.count == 2)
    try run.expectExact(host.guests[1])
    let pages = try run.pages(evil)
    for gfn in evil.ranges.joined() {
      guard let frame = evil.backing.frame(gfn) else { continue }
      #expect(pages[gfn] == host.memory.page(frame), "\(gfn)")
    }
    let isSaidToDiffer = run.manifest.warnings.contains { $0.code == .ways_differ }
    #expect(!isSaidToDiffer, "\(run.manifest.warnings)")
  }
}
