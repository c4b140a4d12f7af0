import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Real hosts as if their processor were one whose layout nobody knows, against what their true layout leads to.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RelaidRealHostTests {
  private static let folder = KVMRealHost.folder ?? ""

  private func path(_ host: String, _ file: String) -> String { "\(Self.folder)/\(host)/\(file)" }

  private func inspect(_ path: String, relaid regions: [UInt64], seed: UInt64, _ directory: RecipeDirectory) throws
    -> Inspection
  {
    let layout = try #require(LayoutCatalogue.layout(id: "bochs-2.7"))
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    options.open = { (source) throws(HostDumpError) in
      do {
        return try RelaidDump(source, regions: regions, layout: layout, seed: seed, revision: 0x19, directory)
      } catch let error as HostDumpError { throw error } catch {
        throw .unsupported(file: path, format: "\(error)", remedy: "")
      }
    }
    return try Inspection.run(path: path, options)
  }

  private func regions(_ manifest: Manifest, nested: [UInt64]) -> [UInt64] {
    manifest.guests.flatMap(\.vcpus).compactMap { $0.vmcs?.value } + nested
  }

  /// - Parameter stopped: registers that all vCPUs together must have beside the general ones.
  @Test(
    arguments: [
      ("haswell", "host.lzo.kdump", []), ("haswell", "vmcore.elf", []), ("haswell", "host-d31.lzo.kdump", []),
      ("new7", "host.lzo.kdump", []), ("nested", "host.lzo.kdump", [0x38b0_1000]), ("stalled", "host.lzo.kdump", []),
    ] as [(String, String, [UInt64])])
  func guestsAndMemoryAreThoseOfTheTrueLayoutAndNoRegisterIsWrong(host: String, file: String, nested: [UInt64]) throws {
    let directory = try RecipeDirectory()
    let truth = try Inspection.run(path: path(host, file), .init(.list, workers: Workers(count: 2))).manifest()
    let inspection = try inspect(
      path(host, file), relaid: regions(truth, nested: nested), seed: UInt64(file.utf8.count), directory)
    let manifest = inspection.manifest()
    try ManifestSchema.expect(manifest)
    #expect(manifest.layout == nil && manifest.exitStatus == .incomplete)
    #expect(manifest.unknownLayout?.revisionIds.map(\.value) == [0x19])
    #expect(manifest.guests.map(\.name) == truth.guests.map(\.name))
    for (guest, twin) in zip(manifest.guests, truth.guests) {
      #expect(guest.slots?.map(\.hva) == twin.slots?.map(\.hva) && guest.ram.map(\.end) == twin.ram.map(\.end))
      #expect(guest.pages.known == twin.pages.known && guest.pages.ept == twin.pages.ept)
      #expect(guest.pages.untouched == twin.pages.untouched && guest.pages.absent == twin.pages.absent)
      #expect(guest.vcpus.map { $0.vmcs?.value } == twin.vcpus.map { $0.vmcs?.value })
      for (vcpu, same) in zip(guest.vcpus, twin.vcpus) { expectNoneWrong(vcpu, same, "\(host) \(guest.name)") }
    }
  }

  private func expectNoneWrong(_ vcpu: Manifest.VCPU, _ truth: Manifest.VCPU, _ guest: String) {
    let what = "\(guest) vCPU \(vcpu.index)"
    #expect(vcpu.apicId == truth.apicId && vcpu.mpState == truth.mpState && vcpu.hostCpu == truth.hostCpu, "\(what)")
    #expect(vcpu.exitReason == nil || vcpu.exitReason == truth.exitReason, "\(what)")
    for (name, entry) in vcpu.registers {
      guard let other = truth.registers[name] else {
        // The true layout has it where the guest's PAT is loaded on entry.
        #expect(name == "pat", "\(what) \(name)")
        continue
      }
      #expect(entry.value == other.value && entry.base == other.base, "\(what) \(name)")
      #expect(entry.limit == other.limit && entry.accessRights == other.accessRights, "\(what) \(name)")
    }
    #expect(vcpu.fpu?.ymm == truth.fpu?.ymm, "\(what)")
  }

  /// A kernel without types: the structures that the regions lead to give the guests, their memory and what KVM keeps.
  @Test(arguments: ["host.lzo.kdump", "vmcore.elf"])
  func aKernelWithoutTypesHasItsGuestsByStructure(file: String) throws {
    let directory = try RecipeDirectory()
    let truth = try Inspection.run(path: path("mini", file), .init(.list, workers: Workers(count: 2))).manifest()
    let manifest = try inspect(path("mini", file), relaid: regions(truth, nested: []), seed: 5, directory).manifest()
    try ManifestSchema.expect(manifest)
    #expect(manifest.layout == nil && manifest.exitStatus == .incomplete)
    #expect(manifest.unknownLayout?.revisionIds.map(\.value) == [0x19] && manifest.unknownLayout?.regions == 4)
    #expect(manifest.guests.count == truth.guests.count)
    var known = 0
    for guest in manifest.guests {
      let twin = try #require(truth.guests.first { $0.vcpus[0].vmcs?.value == guest.vcpus[0].vmcs?.value })
      #expect(guest.pages.known == twin.pages.known && guest.pages.ept == twin.pages.ept)
      #expect(guest.slots?.map(\.hva) == twin.slots?.map(\.hva) && guest.evidence.vcpus.count == guest.vcpus.count)
      for (vcpu, same) in zip(guest.vcpus, twin.vcpus) {
        for (name, entry) in vcpu.registers { #expect(entry.value == same.registers[name]?.value, "\(name)") }
        for name in vcpu.unknown { #expect(vcpu.reasons?[name] != nil, "\(name)") }
        known += vcpu.registers["rax"] == nil ? 0 : 1
      }
    }
    #expect(known == 4)
  }

  /// Whose vCPU is stopped: all that its notes need but the descriptor tables' registers.
  @Test func ofAStoppedVCPUOnlyDescriptorTablesAreUnknown() throws {
    let directory = try RecipeDirectory()
    let addresses = try #require(KVMRealHost.addresses["haswell"]).map(\.address)
    let manifest = try inspect(path("haswell", "host.lzo.kdump"), relaid: addresses, seed: 3, directory).manifest()
    for name in ["guest1", "guest2"] {
      let guest = try #require(manifest.guests.first { $0.name == name })
      #expect(guest.osrelease == "6.1.192-tiny")
      for vcpu in guest.vcpus {
        #expect(Set(vcpu.unknown).isSubset(of: ["gdtr", "idtr", "sysenter_cs", "sysenter_esp", "sysenter_eip"]))
      }
    }
  }
}
