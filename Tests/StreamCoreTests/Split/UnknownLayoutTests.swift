import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Hosts that describe themselves, on processors whose layout nobody knows: it costs registers, never guests or memory.
@Suite struct UnknownLayoutTests {
  private static let revision: UInt32 = 0x5a5a51

  private static func recipe(_ kernel: String, seed: Int = 1) -> String {
    """
    host ram 64M cpus 2 seed \(seed) kernel \(kernel)
    guest a ram 0-4M 4G-4G+1M backing 4K shuffled linux 6.1.0-a
      vcpu apic 1 halted
      vcpu apic 0 stopped
      vcpu apic 2 running user
      hva-only 4G-4G+64K
      untouched 4G+64K-4G+128K
      zero-page 4G+128K-4G+192K
      swapped 4G+192K-4G+256K
    guest b ram 0-4M linux 6.12.0-b
      vcpu stopped
      vcpu never-run
    guest c ram 0-2M nolinux
      vcpu running
    """
  }

  /// By what KVM keeps, names of registers that must be known of a vCPU in this state. Source: Documentation/kvm.md §3.
  private static func known(_ state: VCPUActivity, _ shape: KVMShape) -> Set<String> {
    var names = Set(BuiltRegisters.general + ["cr2", "efer", "kernel_gs_base", "dr0", "dr6", "dr7", "xcr0", "pat"])
    switch state {
    case .stopped: names.formUnion(["rip", "rflags", "cr0", "cr3", "cr4"] + BuiltRegisters.segmentOrder)
    case .halted:
      names.formUnion(["rip", "rflags"])
      names.remove("rsp")
    case .running, .neverRun: names.remove("rsp")
    }
    return names
  }

  /// Expects that what is told of a vCPU is true, and that all that KVM keeps is told.
  private func expectRegisters(_ run: SplitRun, _ guest: BuiltGuest) throws {
    let entry = try run.entry(guest)
    #expect(entry.vcpus.map(\.apicId) == guest.orderedVCPUs.map(\.apicID))
    #expect(entry.vcpus.map { $0.vmcs?.value } == guest.orderedVCPUs.map(\.vmcs))
    for (found, truth) in zip(entry.vcpus, guest.orderedVCPUs) where truth.state != .neverRun {
      let what = "\(guest.name) vCPU \(found.index)"
      for (name, register) in found.registers {
        // What the guest owns of CR0 and CR4 the places tell that can be theirs; CR3, RIP and RSP those that the guests'
        // memory leaves.
        let sources =
          name == "cr8"
          ? ["derived"]
          : ["cr0", "cr4"].contains(name)
            ? ["kvm", "derived"] : ["cr3", "rip", "rsp", "rflags"].contains(name) ? ["kvm", "vmcs"] : ["kvm"]
        #expect(sources.contains(register.source), "\(what) \(name)")
        if let segment = truth.registers.segments[name] {
          #expect(register.value.value == UInt64(segment.selector), "\(what) \(name)")
          #expect(register.base?.value == segment.base, "\(what) \(name)")
          #expect(register.limit?.value == UInt64(segment.limit), "\(what) \(name)")
          #expect(register.accessRights?.value == UInt64(segment.accessRights), "\(what) \(name)")
        } else {
          #expect(register.value.value == truth.registers.values[name], "\(what) \(name)")
        }
      }
      let missing = Self.known(truth.state, run.host.shape).subtracting(found.registers.keys)
      #expect(missing == [], "\(what)")
      for name in found.unknown { #expect(found.reasons?[name] != nil, "\(what) \(name)") }
      #expect(found.exitReason == (truth.state == .running ? "EXCEPTION_NMI" : "HLT"))
      #expect(found.sources["exit_reason"] == "kvm")
    }
  }

  @Test(arguments: DescribedHostSplitTests.kernels)
  func itCostsRegistersAndNeitherGuestsNorMemory(kernel: String) throws {
    let run = try SplitRun(Self.recipe(kernel + " unknown-layout \(Self.revision)"))
    let manifest = run.manifest
    #expect(manifest.layout == nil && manifest.exitStatus == .incomplete)
    #expect(manifest.unknownLayout?.revisionIds.map(\.value) == [UInt64(Self.revision)])
    #expect(manifest.unknownLayout?.regions == 6)
    #expect(manifest.discovery?.way == "kernel" && manifest.counters["scan_pages"] == 0)
    #expect(manifest.guests.count == 3)
    for guest in run.host.liveGuests {
      try run.expectMemory(guest)
      try expectRegisters(run, guest)
    }
    let codes = Set(manifest.warnings.filter(\.code.isLoss).map(\.code))
    #expect(codes == [.unknown_layout, .unknown_registers], "\(manifest.warnings)")
    let text = manifest.warnings.first { $0.code == .unknown_layout }?.text ?? ""
    #expect(text.contains("0x5a5a51") && text.contains("--layout") && text.contains("--vmcsinfo"))
  }

  /// What is told of a guest beside its registers is what the true layout leads to.
  @Test func allElseIsAsByTheTrueLayout() throws {
    let truth = try SplitRun(Self.recipe("6.1 symbols types"))
    let layout = VMCSLayout.unheardOf(revision: Self.revision, form: "packed16")
    let run = try SplitRun(truth.host.with(layout))
    #expect(run.manifest.guests.map(\.name) == truth.manifest.guests.map(\.name))
    for (one, other) in zip(run.manifest.guests, truth.manifest.guests) {
      #expect(one.ram.map(\.start) == other.ram.map(\.start) && one.ram.map(\.end) == other.ram.map(\.end))
      #expect(one.slots?.map(\.hva) == other.slots?.map(\.hva))
      #expect(one.pages.known == other.pages.known && one.pages.ept == other.pages.ept)
      #expect(one.vm?.pid == other.vm?.pid && one.osrelease == other.osrelease)
      #expect(one.vcpus.map(\.mpState) == other.vcpus.map(\.mpState))
      // Of the pointer only the address of the table is known.
      #expect(one.eptp.map(\.value) == other.eptp.map { $0.value & ~0xfff })
    }
    for guest in run.host.liveGuests { #expect(try run.pages(guest) == truth.pages(guest)) }
    var options = SplitRun.Options()
    options.layout = try Layout(parsing: layout.text)
    let given = try SplitRun(run.host, options)
    #expect(given.manifest.unknownLayout == nil && given.manifest.layout?.source == "layout-file")
    for guest in given.host.liveGuests { try given.expectExact(guest) }
  }

  /// Lists of dumps without guest memory have the same guests.
  @Test func aListWithoutUserPagesHasTheSameGuests() throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types unknown-layout \(Self.revision)")).build()
    let directory = try RecipeDirectory()
    let manifests = try [17, 31].map { (level: UInt32) in
      let path = try directory.write(host.kdump(.lzo, level: level), as: "host\(level)")
      return try Inspection.run(path: path, .init(.list, workers: Workers(count: 1))).manifest()
    }
    for manifest in manifests { try ManifestSchema.expect(manifest) }
    #expect(manifests[0].guests.map { $0.vcpus.map(\.vmcs) } == manifests[1].guests.map { $0.vcpus.map(\.vmcs) })
    #expect(manifests[0].guests.map(\.pages.known) == manifests[1].guests.map(\.pages.known))
  }

  /// Where slots are lost, what KVM's own root of the tables maps is what is left.
  @Test func theRootThatKVMNamesGivesTheMapWhereSlotsAreLost() throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types unknown-layout \(Self.revision)")).build()
    var torn = host
    for slot in host.structures("kvm_memory_slot", of: "a") { torn = torn.overwriting(slot, with: 0xff) }
    let run = try SplitRun(torn)
    let guest = try #require(host.guest("a"))
    let pages = try run.pages(guest)
    let mapped = guest.ranges.joined().filter { guest.status($0) == .mapped }
    #expect(mapped.count > 500 && Set(pages.keys) == Set(mapped))
    for gfn in mapped { #expect(pages[gfn] == guest.page(gfn)) }
    #expect(run.manifest.warnings.contains { $0.code == .lost_slots })
  }

  /// A layout of the catalogue whose rules a region passes, and which is not that region's: KVM knows where the VM-entry
  /// MSR-load area is.
  @Test(arguments: ["intel-haswell", "intel-skylake", "bochs-2.7"])
  func aLayoutThatIsNotTheProcessorsIsNotBelievedThoughItsRulesHold(layout: String) throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types layout \(layout)")).build()
    var moved = host.layout
    moved = moved.exchanging("GUEST_SYSENTER_ESP", "GUEST_SYSENTER_EIP")
    moved = moved.exchanging("VM_ENTRY_MSR_LOAD_ADDR", "VM_EXIT_MSR_LOAD_ADDR")
    let run = try SplitRun(host.with(moved))
    #expect(run.manifest.layout == nil)
    let tried = run.manifest.unknownLayout?.tried ?? []
    #expect(tried.contains { $0.hasPrefix(layout) && $0.contains("VM_ENTRY_MSR_LOAD_ADDR") }, "\(tried)")
    for guest in run.host.liveGuests {
      try run.expectMemory(guest)
      try expectRegisters(run, guest)
    }
  }

  /// A VM of whose regions none can be read is a guest, beside others that are.
  @Test(arguments: [true, false])
  func aVMWithoutAReadableRegionIsAGuest(isAbsent: Bool) throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types")).build()
    let vmcs = try #require(host.structures("vmcs", of: "c 0").first)
    let run = try SplitRun(isAbsent ? host.leavingOut(vmcs) : host.overwriting(vmcs, with: 0xff))
    #expect(run.manifest.layout != nil && run.manifest.exitStatus == .incomplete)
    let guest = try #require(run.host.guest("c"))
    try run.expectMemory(guest)
    try expectRegisters(run, guest)
    for name in ["a", "b"] { try run.expectExact(try #require(run.host.guest(name))) }
    let text = run.manifest.warnings.filter { $0.code == .no_vmcs }.map(\.text)
    #expect(text.count == 1 && text[0].contains(isAbsent ? "is not in the dump" : "is none"), "\(text)")
  }

  /// Where the kernel's word leads nowhere, not even by structure, the ids are named.
  @Test func withoutAnyLeadTheDumpIsRefusedWithTheIds() throws {
    var host = try HostRecipe(Self.recipe("6.1 symbols types unknown-layout \(Self.revision)")).build()
    for guest in host.liveGuests {
      for vcpu in guest.vcpus { host.space.memory.store(0, at: vcpu.vcpuAddress + host.shape.vmcs01) }
    }
    var options = SplitRun.Options()
    options.isByContent = true
    let error = #expect(throws: Failure.self) { try SplitRun(host, options) }
    guard case .noLayout(let ids, _) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(ids == [Self.revision])
  }

  /// A kernel without types: the regions' structures lead to vCPUs, VMs and memory; what they do not show is unknown.
  @Test(arguments: ["6.1", "6.1 symbols", "6.12 symbols"])
  func withoutTypesTheStructuresLeadToTheGuests(kernel: String) throws {
    let run = try SplitRun(Self.recipe(kernel + " unknown-layout \(Self.revision)"))
    #expect(run.manifest.layout == nil && run.manifest.exitStatus == .incomplete)
    #expect(run.manifest.unknownLayout?.revisionIds.map(\.value) == [UInt64(Self.revision)])
    #expect(run.manifest.unknownLayout?.inferred?.contains("EPT_POINTER") == true)
    #expect(run.manifest.guests.count == 3)
    for guest in run.host.liveGuests {
      try run.expectMemory(guest)
      let entry = try run.entry(guest)
      #expect(entry.evidence.vcpus.count > 0)
      // What never ran has no map by which its page would look like a region.
      let ran = entry.vcpus.filter { $0.vmcs != nil }
      #expect(ran.count == guest.vcpus.count { $0.state != .neverRun })
      for found in ran {
        let truth = try #require(guest.vcpus.first { $0.vmcs == found.vmcs?.value })
        for (name, register) in found.registers where truth.state != .neverRun {
          let value = truth.registers.segments[name].map { UInt64($0.selector) } ?? truth.registers.values[name]
          #expect(register.value.value == value, "\(guest.name) vCPU \(found.index) \(name)")
        }
        for name in found.unknown { #expect(found.reasons?[name] != nil, "\(name)") }
      }
    }
  }

  /// Two fields in each other's place, and all else as the catalogue has it: refused by the fields that disagree.
  @Test(arguments: ["intel-haswell", "intel-skylake", "intel-nehalem", "bochs-2.7"])
  func aRevisionThatLiesIsRefusedByItsFieldsAndTheLayoutIsInferred(layout: String) throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types layout \(layout)")).build()
    let run = try SplitRun(host.with(host.layout.exchanging("HOST_RSP", "HOST_GS_BASE")))
    #expect(run.manifest.layout == nil && run.manifest.guests.count == 3)
    let unknown = try #require(run.manifest.unknownLayout)
    let line = unknown.tried.first { $0.hasPrefix(layout) } ?? ""
    #expect(line.contains("HOST_RSP") && line.contains("HOST_GS_BASE"), "\(unknown.tried)")
    let id = "inferred-0x" + String(host.layout.revision, radix: 16)
    #expect(unknown.inferred?.hasPrefix(id) == true, "\(unknown)")
    for guest in run.host.liveGuests {
      try run.expectMemory(guest)
      try expectRegisters(run, guest)
    }
  }

  /// What was inferred and written down, given back, gives the same; also where it lacks what tells a region.
  @Test(arguments: 0..<4)
  func anInferredLayoutGivenBackGivesTheSame(seed: Int) throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types", seed: seed + 3)).build()
    let layout = host.layout.scattered(seed: UInt64(seed), revision: 0x12)
    let first = try SplitRun(host.with(layout))
    let directory = try RecipeDirectory()
    let path = try directory.write(host.with(layout).kdump(.lzo), as: "host")
    let inferred = try Inspection.inferredLayout(paths: [path], .init(.list, workers: Workers(count: 1))).layout
    let table = try #require(inferred.vmcsinfo).text
    for isTable in [false, true] {
      var options = SplitRun.Options()
      if isTable {
        options.vmcsinfo = try VMCSInfo.parse(Array(table.utf8))
      } else {
        options.layout = try Layout(parsing: inferred.text)
      }
      let again = try SplitRun(host.with(layout), options)
      #expect(again.manifest.layout?.source == (isTable ? "vmcsinfo-file" : "layout-file"))
      #expect(again.manifest.unknownLayout == nil)
      #expect(!again.manifest.warnings.contains { $0.code == .layout_refused }, "\(again.manifest.warnings)")
      for guest in host.liveGuests { #expect(try again.bytes(guest) == first.bytes(guest)) }
    }
  }

  /// `layout infer` and `layout export`, of a layout that is known and of one that is not.
  @Test(arguments: [true, false]) func aSplitSetHasTheLayoutOfTheWholeDump(isKnown: Bool) throws {
    var host = try HostRecipe(Self.recipe("6.1 symbols types layout intel-skylake")).build()
    if !isKnown { host = host.with(host.layout.scattered(seed: 5, revision: 0x12)) }
    let directory = try RecipeDirectory()
    let whole = try directory.write(host.kdump(), as: "host")
    let parts = host.kdumpParts(3)
    let set = try [2, 0, 1].map { try directory.write(parts[$0], as: "part-\($0)") }
    let options = Inspection.Options(.list, workers: Workers(count: 2))
    let inferred = try Inspection.inferredLayout(paths: set, options)
    let same = try Inspection.inferredLayout(paths: [whole], options)
    #expect("\(inferred.rows)" == "\(same.rows)" && inferred.layout == same.layout)
    let exported = try Inspection.layout(ofDump: set, options)
    #expect(try exported == Inspection.layout(ofDump: [whole], options))
    #expect(isKnown ? exported.id == "intel-skylake" : exported == inferred.layout)
  }

  /// Places that the catalogue has, under an id that it has not: the layout is named, and counts once it is given.
  @Test func aKnownLayoutUnderAnotherIDIsNamed() throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types layout intel-skylake")).build()
    let layout = VMCSLayout(
      id: "other", revision: Self.revision, form: host.layout.form, fields: host.layout.fields)
    func warning(_ layout: VMCSLayout) throws -> String {
      let run = try SplitRun(host.with(layout))
      #expect(run.manifest.layout == nil && run.manifest.guests.count == 3)
      return try #require(run.manifest.warnings.first { $0.code == .unknown_layout }).text
    }
    #expect(try warning(layout).contains("intel-goldencove"))
    #expect(try !warning(layout.exchanging("HOST_RSP", "HOST_GS_BASE")).contains("intel-goldencove"))
    var options = SplitRun.Options()
    options.layout = LayoutCatalogue.layout(id: "intel-goldencove")
    let given = try SplitRun(host.with(layout), options)
    #expect(given.manifest.layout?.id == "intel-goldencove" && given.manifest.unknownLayout == nil)
    let own = try SplitRun(host)
    for guest in host.liveGuests { #expect(try given.bytes(guest) == own.bytes(guest)) }
  }

  /// A layout that lacks fields, and has others wrong, is refused by these.
  @Test func aPartOfALayoutThatIsWrongIsRefusedByItsFields() throws {
    let host = try HostRecipe(Self.recipe("6.1 symbols types unknown-layout \(Self.revision)")).build()
    var lines = host.layout.text.split(separator: "\n").map(String.init)
    lines.removeAll { $0.hasPrefix("VM_ENTRY_CONTROLS ") }
    var options = SplitRun.Options()
    options.layout = try Layout(parsing: lines.joined(separator: "\n"))
    #expect(try SplitRun(host, options).manifest.layout?.source == "layout-file")
    options.layout = try Layout(
      parsing: lines.map {
        $0.hasPrefix("HOST_RSP ")
          ? $0.replacing("HOST_RSP", with: "HOST_GS_BASE")
          : $0.hasPrefix("HOST_GS_BASE ") ? $0.replacing("HOST_GS_BASE", with: "HOST_RSP") : $0
      }.joined(separator: "\n"))
    let run = try SplitRun(host, options)
    #expect(run.manifest.layout == nil && run.manifest.guests.count == 3)
    let text = run.manifest.warnings.filter { $0.code == .layout_refused }.map(\.text)
    #expect(text.count == 1 && text[0].contains("HOST_RSP") && text[0].contains("HOST_GS_BASE"), "\(text)")
  }

  /// Layouts by chance, as processors might have them.
  @Test(arguments: 0..<12)
  func anyLayoutThatNobodyKnowsCostsRegistersAlone(seed: Int) throws {
    let kernels = ["5.14", "6.1", "6.12", "7.3"]
    let host = try HostRecipe(Self.recipe("\(kernels[seed % 4]) symbols types", seed: seed + 1)).build()
    let run = try SplitRun(host.with(host.layout.scattered(seed: UInt64(seed), revision: 0x12)))
    #expect(run.manifest.layout == nil, "\(String(describing: run.manifest.layout?.id))")
    for guest in run.host.liveGuests {
      try run.expectMemory(guest)
      try expectRegisters(run, guest)
    }
  }
}

extension VMCSLayout {
  /// Two fields in each other's place.
  fileprivate func exchanging(_ one: String, _ other: String) -> VMCSLayout {
    var fields = fields
    (fields[one], fields[other]) = (fields[other], fields[one])
    return VMCSLayout(id: id, revision: revision, form: form, fields: fields)
  }

  /// The same fields at places by chance, of their own size and aligned.
  fileprivate func scattered(seed: UInt64, revision: UInt32) -> VMCSLayout {
    var random = SplitMix64(seed: seed)
    var taken = Set<Int>()
    var moved: [String: Place] = [:]
    for (name, place) in fields.sorted(by: { $0.key < $1.key }) {
      while moved[name] == nil {
        let offset = 16 + Int(random.below(500)) * 8
        if taken.insert(offset).inserted { moved[name] = Place(offset: offset, width: place.width) }
      }
    }
    return VMCSLayout(id: "scattered", revision: revision, form: form, fields: moved)
  }

  /// As `--layout` reads it.
  fileprivate var text: String {
    let places = fields.sorted { $0.value.offset < $1.value.offset }
    return "id \(id)\nrevision 0x\(String(revision, radix: 16))\naccess-rights \(form)\n"
      + places.map { "\($0.key) \($0.value.offset) \($0.value.width)" }.joined(separator: "\n")
  }
}
