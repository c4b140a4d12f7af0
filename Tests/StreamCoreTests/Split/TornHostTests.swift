import Foundation
import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Each structure on the way from the host's VMCOREINFO to its guests' registers damaged, and left out, in turn: no guest
/// is lost without a word, none is made up, and what comes out is true.
@Suite struct TornHostTests {
  private static func host(_ kernel: String) throws -> BuiltHost {
    try HostRecipe(
      """
      host ram 24M cpus 2 kernel \(kernel) seed 11
      guest a ram 0-2M nolinux
        vcpu halted
        vcpu running
      guest b ram 0-2M nolinux
      guest c ram 0-2M nolinux
      """
    ).build()
  }

  private func inspect(_ host: BuiltHost, byContent: Bool = false) throws -> Manifest {
    let directory = try RecipeDirectory()
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    options.isByContent = byContent
    return try Inspection.run(path: directory.write(host.kdump(.raw), as: "host.dump"), options).manifest()
  }

  /// Either all is there, or it is said: by the exit status of a list, or by an error in place of one.
  private func expectNothingSilent(_ host: BuiltHost, _ truth: BuiltHost, _ what: String, byContent: Bool = false)
    throws
  {
    let manifest: Manifest
    do {
      manifest = try inspect(host, byContent: byContent)
    } catch let failure as Failure {
      #expect(failure.exitStatus(signal: 2).code == 65, "\(what): \(failure)")
      return
    }
    let regions = Dictionary(
      uniqueKeysWithValues: truth.liveGuests.map { guest in (guest.name, Set(guest.vcpus.map(\.vmcs))) })
    var found: Set<String> = []
    for guest in manifest.guests {
      let own = Set(guest.vcpus.compactMap { $0.vmcs?.value })
      let name = regions.first { $0.value.isSuperset(of: own) && !own.isEmpty }?.key
      guard let name else {
        Issue.record("\(what): a guest of the regions \(own) that is none")
        continue
      }
      if own == regions[name] { found.insert(name) }
      for vcpu in guest.vcpus {
        guard let at = vcpu.vmcs?.value, let own = truth.vcpu(at: at) else { continue }
        for (register, value) in own.registers.values {
          guard let told = vcpu.registers[register]?.value.value, told != value else { continue }
          #expect(manifest.exitStatus == .incomplete, "\(what): \(register) is \(told), not \(value)")
        }
      }
    }
    if found.count < regions.count {
      #expect(manifest.exitStatus == .incomplete, "\(what): \(found.sorted()) is all, and nothing is said of it")
    }
  }

  /// Processes hold their VMs and vCPUs open, whatever is lost of the lists.
  @Test(arguments: ["6.1 symbols types", "5.14 symbols types", "7.3 symbols types"])
  func whatTheListLacksIsFoundThroughOpenFiles(kernel: String) throws {
    let host = try Self.host(kernel)
    let table = host.shape.kvm.isXArray ? "xa_node" : "kvm.vcpus"
    for (name, owner) in [(table, "a"), (table, "b"), ("vm_list", "")] {
      let structure = try #require(host.structures(name, of: owner).first, "\(name) of \(owner)")
      let manifest = try inspect(host.overwriting(structure, with: 0xff))
      #expect(manifest.guests.map(\.vcpus.count).sorted() == [1, 1, 2], "\(name) of \(owner): \(manifest.warnings)")
      #expect(manifest.guests.allSatisfy { $0.vcpus.allSatisfy { $0.vmcs != nil } })
    }
  }

  @Test func aVMCSThatIsNoneIsNotSaidToBeMissing() throws {
    let host = try Self.host("6.1 symbols types")
    let vmcs = try #require(host.structures("vmcs", of: "a 1").first)
    for (torn, text) in [
      (host.overwriting(vmcs, with: 0xff), "is none"), (host.leavingOut(vmcs), "is not in the dump"),
    ] {
      let manifest = try inspect(torn)
      let warnings = manifest.warnings.filter { $0.code == .no_vmcs }
      #expect(warnings.count == 1 && warnings.allSatisfy { $0.text.contains(text) }, "\(manifest.warnings)")
      #expect(manifest.guests.count == 3)
    }
  }

  /// Slots by shape, where the kernel is not asked: a host of which a part of them is lost is not one that has none.
  @Test func slotsOfAShapeThatAreLostAreSaid() throws {
    let host = try Self.host("6.1 symbols types")
    let whole = try inspect(host, byContent: true)
    #expect(whole.guests.allSatisfy { $0.slots != nil } && whole.exitStatus == .complete, "\(whole.warnings)")
    let guest = try #require(host.guest("a"))
    // The root itself is what proves the VMM; this is the table below it.
    let hva = try #require(guest.hostVirtual.first).hva
    let entry = host.memory.load(guest.processTables.root + (hva >> 39 & 0x1ff) * 8)
    let table = BuiltStructure("pud", of: "a", at: entry & 0x000f_ffff_ffff_f000, size: 4096)
    let slot = try #require(host.structures("kvm_memory_slot", of: "a").first)
    for structure in [slot, table] {
      let manifest = try inspect(host.leavingOut(structure), byContent: true)
      let lost = manifest.warnings.filter { $0.code == .lost_slots }
      let kvm = "0x" + String(guest.kvm.virtual, radix: 16)
      #expect(lost.contains { $0.text.contains(kvm) }, "\(structure.name): \(manifest.warnings)")
      #expect(manifest.exitStatus == .incomplete && manifest.guests.count == 3)
    }
  }

  @Test(arguments: ["6.1 symbols types", "7.3 symbols types"])
  func eachStructureAbsentThenDamaged(kernel: String) throws {
    let host = try Self.host(kernel)
    try expectNothingSilent(host, host, "whole")
    #expect(host.structures.count > 40)
    for structure in host.structures where structure.name != "vmcs" {
      let what = "\(kernel): \(structure.name) of \(structure.owner)"
      try expectNothingSilent(host.leavingOut(structure), host, what + " absent")
      try expectNothingSilent(host.overwriting(structure, with: 0xff), host, what + " damaged")
    }
  }
}

extension BuiltHost {
  fileprivate func vcpu(at vmcs: UInt64) -> BuiltVCPU? { guests.flatMap(\.vcpus).first { $0.vmcs == vmcs } }
}
