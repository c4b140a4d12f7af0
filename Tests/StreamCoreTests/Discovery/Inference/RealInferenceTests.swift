import Foundation
import Testing

@testable import StreamCore

/// Inference on real hosts whose regions were given other layouts: no value that comes out is wrong, and those that a
/// guest dump needs do come out.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealInferenceTests {
  /// A host's regions by their true layout, and what its kernel knows of them.
  struct Host {
    let regions: [VMCSRegion]
    let clues: [RegionClues]

    init(_ name: String) throws {
      try self.init(path: (KVMRealHost.folder ?? "") + "/" + name + "/vmcore.elf")
    }

    /// - Parameter change: of each region, as its processor could have had it, too.
    init(path: String, _ change: (VMCSRegion, RegionClues) -> Page = { region, _ in region.page }) throws {
      let dump = try openHostDump(path: path)
      let memory = HostMemory(dump)
      clues = try HostWord(dump.vmcoreinfo, memory).regionClues
      let layout = try Layout(parsing: LayoutCatalogue.Entry.bochs27.text)
      regions = clues.map { clue in
        let region = VMCSRegion(address: clue.address, page: clue.page, layout: layout)
        return VMCSRegion(address: clue.address, page: change(region, clue), layout: layout)
      }
    }

    func relaid(_ layout: RelaidLayout) -> LayoutInference {
      LayoutInference(
        zip(regions, clues).map { region, clue in
          var known = RegionClues(address: region.address, page: layout.page(region), vm: clue.vm)
          known.known = clue.known
          known.guest = clue.guest
          return known
        })
    }
  }

  /// Of random layouts, for each style and form; those of the environment where it says more.
  static let seeds = ProcessInfo.processInfo.environment["VMCS_SPLIT_SEEDS"].flatMap(UInt64.init) ?? 2

  /// What came out of one inference.
  struct Tally {
    var wrong: [String] = []
    /// By field: regions in which its value came out.
    var values: [VMCSField: Int] = [:]
    var sure = 0

    mutating func add(_ inference: LayoutInference, _ layout: RelaidLayout, _ regions: [VMCSRegion]) {
      for field in inference.fields {
        guard case .sure(let place) = field.outcome else { continue }
        sure += 1
        // Of a field that is hidden an exact copy, which is kept in every region, is as good.
        if let own = layout.places[field.field], own != place { wrong.append("\(field.field.name) at \(place.offset)") }
      }
      for region in regions {
        for (field, value) in inference.values[region.address] ?? [:] {
          values[field, default: 0] += 1
          if !isRight(field, value, inference, layout, region) {
            wrong.append(
              "\(field.name) \(hex(value)) in \(region.address), not \(hex(layout.truth(field, in: region)))")
          }
        }
      }
    }

    /// RIP of KVM's may be ahead of the region's; of CR0's and CR4's shadow counts what the host owns.
    private func isRight(
      _ field: VMCSField, _ value: UInt64, _ inference: LayoutInference, _ layout: RelaidLayout, _ region: VMCSRegion
    ) -> Bool {
      let truth = layout.truth(field, in: region)
      if VMCSField.accessRights.contains(field) { return layout.rights.sdm(truth).map(UInt64.init) == value }
      let masks: [VMCSField: VMCSField] = [
        .CR0_READ_SHADOW: .CR0_GUEST_HOST_MASK, .CR4_READ_SHADOW: .CR4_GUEST_HOST_MASK,
      ]
      if let mask = masks[field].flatMap({ region[$0] }) { return (value ^ truth) & mask == 0 }
      return value == truth
    }
  }

  static let key: [VMCSField] = [
    .EPT_POINTER, .GUEST_CR0, .GUEST_CR3, .GUEST_CR4, .GUEST_RIP, .GUEST_RSP, .GUEST_RFLAGS, .GUEST_CS_SELECTOR,
    .GUEST_CS_AR_BYTES, .GUEST_SS_SELECTOR, .GUEST_FS_BASE, .GUEST_GS_BASE, .GUEST_TR_BASE, .GUEST_TR_SELECTOR,
  ]

  @Test(arguments: ["haswell", "new7", "stalled", "nested"])
  func noValueIsWrong(_ name: String) throws {
    let host = try Host(name)
    for style in RelaidLayout.Style.allCases {
      for rights in [AccessRightsForm.sdm32, .rotated, .packed16] {
        var tally = Tally()
        for seed in UInt64(1)...Self.seeds {
          let layout = try RelaidLayout(style, rights, seed: seed, noise: [0, 160, 400][Int(seed % 3)])
          tally.add(host.relaid(layout), layout, host.regions)
        }
        let all = host.regions.count * Int(Self.seeds)
        let line = Self.key.map { "\($0.name) \(tally.values[$0] ?? 0)" }.joined(separator: ", ")
        if Self.seeds > 2 {
          print(
            "\(name) \(style) \(rights): of \(all): \(line); sure \(tally.sure / Int(Self.seeds)); wrong \(tally.wrong.count)"
          )
        }
        #expect(tally.wrong.isEmpty, "\(tally.wrong.prefix(5))")
        #expect(tally.values[.EPT_POINTER] == all)
        // A vCPU in its own guest and that guest's region have no CR0 and CR4 of KVM's to vote with.
        if name != "nested" { #expect(tally.values[.GUEST_CR0] == all && tally.values[.GUEST_CR4] == all) }
        if name == "stalled" { #expect(tally.values[.GUEST_CR3] == all) }
        if name != "stalled" {
          for field in [VMCSField.GUEST_RIP, .GUEST_RSP, .GUEST_CR3] { #expect(tally.values[field] == all) }
          if style != .scatter {
            for field in [VMCSField.GUEST_CS_SELECTOR, .GUEST_CS_AR_BYTES, .GUEST_TR_BASE] {
              #expect(tally.values[field] == all)
            }
          }
        }
      }
    }
  }

  /// A field that no place holds in a form that is known: what looks like it must not win.
  @Test(arguments: ["haswell", "stalled"])
  func aHiddenFieldIsNotReplaced(_ name: String) throws {
    let host = try Host(name)
    var random = SeededGenerator(7)
    var tally = Tally()
    for seed in UInt64(1)...6 * Self.seeds {
      let style = RelaidLayout.Style.allCases[Int(seed % 3)]
      let form = [AccessRightsForm.sdm32, .rotated, .packed16][Int(seed / 3 % 3)]
      let hidden = Set(host.clues[0].known.keys.sorted { $0.rawValue < $1.rawValue }.shuffled(using: &random).prefix(4))
      let layout = try RelaidLayout(style, form, seed: seed, without: hidden)
      var known = Tally()
      known.add(host.relaid(layout), layout, host.regions)
      tally.wrong += known.wrong.map { "seed \(seed): \($0)" }
    }
    #expect(tally.wrong.isEmpty, "\(tally.wrong.count): \(tally.wrong.prefix(12))")
  }
}
