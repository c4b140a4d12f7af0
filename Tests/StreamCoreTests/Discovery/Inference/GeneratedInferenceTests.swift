import Foundation
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Inference on generated hosts with layouts by chance, whose guests put what looks like an anchor into every register
/// that is theirs: nothing becomes sure by that, and no value is wrong.
@Suite struct GeneratedInferenceTests {
  /// Of hosts; all of them where the environment says how many.
  private static let count = ProcessInfo.processInfo.environment["VMCS_SPLIT_HOSTS"].flatMap(Int.init) ?? 4

  /// Registers of a guest that hold whatever it likes. KVM has copies of some, of vCPUs that were stopped.
  private static let free: [VMCSField] = [
    .GUEST_FS_BASE, .GUEST_GS_BASE, .GUEST_LDTR_BASE, .GUEST_SYSENTER_ESP, .GUEST_SYSENTER_EIP, .GUEST_GDTR_BASE,
    .GUEST_IDTR_BASE, .GUEST_TR_BASE, .GUEST_PENDING_DBG_EXCEPTIONS, .GUEST_LINEAR_ADDRESS, .GUEST_PHYSICAL_ADDRESS,
    .GUEST_IA32_DEBUGCTL, .EXIT_QUALIFICATION,
  ]
  /// What inference goes by.
  private static let anchors: [VMCSField] = [
    .EPT_POINTER, .HOST_CR3, .HOST_CR4, .HOST_RSP, .HOST_GS_BASE, .HOST_FS_BASE, .MSR_BITMAP, .VM_ENTRY_MSR_LOAD_ADDR,
    .VM_EXIT_MSR_LOAD_ADDR, .VIRTUAL_APIC_PAGE_ADDR, .GUEST_CR3, .GUEST_RIP, .GUEST_RSP, .GUEST_RFLAGS, .GUEST_CR0,
    .GUEST_CR4, .CR0_GUEST_HOST_MASK, .CR4_GUEST_HOST_MASK, .TSC_OFFSET,
  ]

  private static func recipe(_ seed: Int, _ random: inout SeededGenerator) -> String {
    let kernels = ["5.14", "6.1", "6.12", "7.3"]
    var lines = ["host ram 192M cpus 4 seed \(seed + 1) kernel \(kernels[seed % 4]) symbols types"]
    let vms = Int.random(in: 2...4, using: &random)
    let vcpus = Int.random(in: 4...64, using: &random)
    for vm in 0..<vms {
      lines.append("guest vm\(vm) ram 0-4M linux 6.1.0-\(vm)")
      for index in stride(from: vm, to: vcpus, by: vms) {
        let states = ["running", "halted", "stopped", "running user", "stopped user"]
        let state = index < vms ? "running" : states[Int.random(in: 0..<states.count, using: &random)]
        lines.append("  vcpu \(state)")
      }
    }
    return lines.joined(separator: "\n")
  }

  /// - Parameter evil: VMs whose guests do it.
  private static func forged(
    _ region: VMCSRegion, _ clue: RegionClues, evil: Set<VirtualAddress>, _ anchors: [VMCSField: VMCSField]
  ) -> Page {
    guard evil.contains(clue.vm) else { return region.page }
    var bytes = [UInt8](repeating: 0, count: 4096)
    for offset in stride(from: 0, to: 4096, by: 8) { bytes.store(region.page.u64(offset), at: offset) }
    for (field, anchor) in anchors where clue.known[field] == nil {
      guard let place = region.layout[field], let value = region[anchor] else { continue }
      bytes.store(value, at: place.offset)
    }
    return Page(bytes) ?? region.page
  }

  @Test(arguments: 0..<count)
  func nothingIsWrongWhateverGuestsHold(seed: Int) throws {
    var random = SeededGenerator(UInt64(seed) &* 77 &+ 5)
    let built = try HostRecipe(Self.recipe(seed, &random)).build()
    let directory = try RecipeDirectory()
    let path = try directory.write(built.kdump(.lzo), as: "host")
    let vms = built.guests.map { VirtualAddress(rawValue: $0.kvm.virtual) }
    for evil in [[], Array(vms.dropLast()), vms] {
      // The same in all of them: they have agreed.
      var anchors: [VMCSField: VMCSField] = [:]
      for field in Self.free { anchors[field] = Self.anchors.randomElement(using: &random) }
      let host = try RealInferenceTests.Host(path: path) { region, clue in
        Self.forged(region, clue, evil: Set(evil), anchors)
      }
      #expect(host.regions.count == built.guests.map(\.vcpus.count).reduce(0, +))
      for style in RelaidLayout.Style.allCases {
        let form = [AccessRightsForm.sdm32, .rotated, .packed16].randomElement(using: &random) ?? .sdm32
        let layout = try RelaidLayout(style, form, seed: random.next(), noise: [0, 160, 400][seed % 3])
        var tally = RealInferenceTests.Tally()
        tally.add(host.relaid(layout), layout, host.regions)
        #expect(tally.wrong.isEmpty, "\(style) \(form), \(evil.count) evil: \(tally.wrong.prefix(5))")
        if evil.isEmpty { #expect(tally.values[.EPT_POINTER] == host.regions.count) }
      }
    }
  }
}
