import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// The FPU in guests' dumps: readers take what follows an NT_PRSTATUS as the same CPU's.
@Suite struct FPUNotesTests {
  private static let recipe = """
    host ram 64M cpus 2 kernel 6.1 symbols types
    guest a ram 0-4M linux 6.1.0-a
      vcpu running
      vcpu halted
      vcpu stopped
    """

  private func notes(_ run: SplitRun, _ guest: BuiltGuest, format: String) throws -> [WrittenDump.Note] {
    let bytes = try run.bytes(guest)
    guard format == "kdump" else { return try WrittenDump.notes(in: RecipeReaders.elf(bytes).notes) }
    let directory = try RecipeDirectory()
    return try WrittenDump.kdump(directory.write(bytes, as: "guest.kdump")).notes
  }

  @Test(arguments: ["kdump", "elf"])
  func theFPUOfAVCPUFollowsItsStatus(format: String) throws {
    var options = SplitRun.Options()
    options.format = format
    let run = try SplitRun(Self.recipe, options)
    let guest = try #require(run.host.guests.first)
    let notes = try notes(run, guest, format: format)
    let own: [(String, UInt32)] = [("CORE", 1), ("CORE", 2), ("LINUX", 0x202)]
    let wanted = [("CORE", 1)] + own + own + [("QEMU", 0), ("QEMU", 0), ("QEMU", 0), ("VMCOREINFO", 0)]
    #expect(notes.map { "\($0.name) \($0.type)" } == wanted.map { "\($0.0) \($0.1)" })
    for (index, vcpu) in guest.orderedVCPUs.enumerated() {
      let status = notes.filter { $0.name == "CORE" && $0.type == 1 }[index].descriptor
      #expect(status.load(328, as: UInt32.self) == (vcpu.state == .running ? 0 : 1))
      guard vcpu.state != .running else { continue }
      let words = (0..<32 as Range<UInt64>).flatMap { LittleEndian.bytes(SplitMix64.mix(vcpu.vmcs + $0)) }
      let fpu = notes.filter { $0.name == "CORE" && $0.type == 2 }[index - 1].descriptor
      #expect(fpu.count == 512 && Array(fpu[160..<416]) == words)
      let area = notes.filter { $0.name == "LINUX" }[index - 1].descriptor
      #expect(area.count == 832 && Array(area[160..<416]) == words && area.load(464, as: UInt64.self) == 7)
    }
    #expect(run.manifest.exitStatus == .complete, "\(run.manifest.warnings)")
    let entry = try run.entry(guest)
    #expect(entry.vcpus.map { $0.unknown.contains("fpu") } == [true, false, false])
    #expect(entry.vcpus.map { $0.reasons?["fpu"] != nil } == [true, false, false])
  }

  /// With an APIC of the VMM's own KVM keeps CR8 itself.
  @Test func withoutAnAPICInTheKernelCR8IsKVMs() throws {
    var host = try HostRecipe(Self.recipe).build()
    let vcpu = try #require(host.guests.first?.vcpus.last)
    host.space.memory.store(0, at: vcpu.vcpuAddress + host.shape.apic)
    host.space.memory.store(9, at: vcpu.vcpuAddress + host.shape.cr8)
    let run = try SplitRun(host)
    let found = try #require(run.entry(host.guests[0]).vcpus.first { $0.vmcs?.value == vcpu.vmcs })
    #expect(found.registers["cr8"]?.value.value == 9 && found.registers["cr8"]?.source == "kvm")
    #expect(found.apicId == nil)
  }

  /// A layout without the field of the virtual-APIC page: the page is the one that KVM's `kvm_lapic` names.
  @Test func theAPICIsFoundByTypesWhereTheVMCSDoesNotNameIt() throws {
    var host = try HostRecipe(Self.recipe).build()
    let vcpu = try #require(host.guests.first?.vcpus.last)
    let page = try #require(vcpu.fields["VIRTUAL_APIC_PAGE_ADDR"])
    host.space.memory.store(0x70, at: page + 0x80, width: 4)
    for vcpu in host.guests[0].vcpus {
      var fields = vcpu.fields
      fields["VIRTUAL_APIC_PAGE_ADDR"] = nil
      host.space.memory.setWords(host.layout.region(fields), frame: vcpu.vmcs >> 12)
    }
    var options = SplitRun.Options()
    let known = try #require(LayoutCatalogue.layout(id: "bochs-2.7"))
    let places = known.fields.filter { $0 != .VIRTUAL_APIC_PAGE_ADDR }.map { ($0, known[$0]) }
    options.layout = try Layout(
      id: "lacking", processor: known.processor, revisionIDs: known.revisionIDs, accessRights: known.accessRights,
      places: Dictionary(uniqueKeysWithValues: places).compactMapValues { $0 })
    let run = try SplitRun(host, options)
    let entry = try run.entry(host.guests[0])
    #expect(entry.vcpus.map(\.apicId) == [0, 1, 2])
    #expect(entry.vcpus.map { $0.registers["cr8"]?.value.value } == [0, 0, 7])
  }
}
