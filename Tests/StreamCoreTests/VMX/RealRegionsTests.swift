import Foundation
@testable import StreamCore
import Testing

/// The memory of a real host, read from the PT_LOADs of its /proc/vmcore.
private struct VMCoreMemory: PhysicalMemory {
  let file: InputFile
  private let loads: [(first: UInt64, count: UInt64, offset: UInt64)]

  init(_ path: String) throws {
    file = try InputFile(path: path)
    let header = try file.read(at: 0, count: 64)
    let start: UInt64 = try #require(header.load(32))
    let count: UInt16 = try #require(header.load(56))
    let table = try file.read(at: start, count: Int(count) * 56)
    loads = try (0..<Int(count)).compactMap { index in
      let type: UInt32 = try #require(table.load(index * 56))
      let offset: UInt64 = try #require(table.load(index * 56 + 8))
      let physical: UInt64 = try #require(table.load(index * 56 + 24))
      let size: UInt64 = try #require(table.load(index * 56 + 32))
      return type == 1 ? (physical >> 12, size >> 12, offset) : nil
    }
  }

  func page(_ frame: UInt64) -> PageResult {
    guard let load = loads.first(where: { frame >= $0.first && frame - $0.first < $0.count }),
      let bytes = try? file.read(at: load.offset + (frame - load.first) * 4096, count: 4096),
      let page = Page(bytes)
    else { return .absent }
    return .page(page)
  }

  func isRAM(_ frame: UInt64) -> Bool { loads.contains { frame >= $0.first && frame - $0.first < $0.count } }
}

/// The regions of the sample hosts, by address, against what was known of them before the crash.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"] != nil))
struct RealRegionsTests {
  struct Sample: Sendable, CustomStringConvertible {
    var host: String
    var address: UInt64
    /// RAM frames that EPT maps.
    var frames: UInt64
    /// Guest and CPU whose registers were saved, for guests that were stopped then.
    var truth: (guest: String, cpu: Int)?

    var description: String { "\(host) \(String(address, radix: 16))" }
  }

  static let samples = [
    Sample(host: "haswell", address: 0x1cb3_a000, frames: 9674, truth: ("guest1", 0)),
    Sample(host: "haswell", address: 0x2a6_f000, frames: 20938),
    Sample(host: "haswell", address: 0x1bdb_d000, frames: 20938),
    Sample(host: "haswell", address: 0x1ca3_5000, frames: 10186),
    Sample(host: "mini", address: 0x113_d000, frames: 7305, truth: ("guest1", 0)),
    Sample(host: "mini", address: 0x10d_0000, frames: 9727),
    Sample(host: "mini", address: 0x10d_b000, frames: 9727),
    Sample(host: "mini", address: 0xa3_4000, frames: 7313),
    Sample(host: "nested", address: 0x38a3_4000, frames: 53705),
    Sample(host: "nested", address: 0x38b0_1000, frames: 5947),
    Sample(host: "nested", address: 0x3fe9_c000, frames: 7626, truth: ("guest2", 0)),
  ]

  private func folder(_ host: String) throws -> String {
    try #require(ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"]) + "/" + host
  }

  private func region(_ sample: Sample) throws -> (region: VMCSRegion, memory: VMCoreMemory) {
    let memory = try VMCoreMemory(try folder(sample.host) + "/vmcore.elf")
    let layout = try #require(LayoutCatalogue.layout(id: "bochs-2.7"))
    let page = try #require(memory.page(sample.address >> 12).page)
    return (VMCSRegion(address: HPA(rawValue: sample.address), page: page, layout: layout), memory)
  }

  @Test(arguments: samples) func regionsAreAcceptedAndMapWhatTheHostMapped(_ sample: Sample) throws {
    let (region, memory) = try region(sample)
    let judgement = RegionJudge(layout: region.layout, memory: memory).judge(region.page, at: region.address)
    #expect(judgement == .guest)
    let walk = EPTWalk(memory: memory, pointer: try EPTPointer(try #require(region[.EPT_POINTER])))
    var counts = walk.counts
    var frames: UInt64 = 0
    for subtree in walk.subtrees(atLeast: 2) {
      counts.add(
        walk.walk(subtree) { run in
          for frame in run.hostFrame..<run.hostFrame + run.count where memory.isRAM(frame) { frames += 1 }
        })
    }
    #expect(frames == sample.frames)
    #expect(!counts.isIncomplete)
  }

  @Test(arguments: samples.filter { $0.truth != nil }) func stoppedGuestsShowTheirRegisters(_ sample: Sample) throws {
    let truth = try #require(sample.truth)
    let (region, _) = try region(sample)
    let state = region.registerState(hostLoadsEFER: VMCSRegion.hostLoadsEFER([region]))
    let path = try folder(sample.host) + "/truth/\(truth.guest)/registers.json"
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    let saved = try #require((json as? [[String: Any]])?[truth.cpu])
    func value(_ text: Any?) -> UInt64? { (text as? String).flatMap { UInt64($0, radix: 16) } }
    for register in [Register.cr0, .cr3, .cr4, .efer, .dr7, .rsp, .rflags] {
      #expect(state[register] == value(saved[register.rawValue]), "\(register)")
    }
    // The vCPU sits behind its HLT; the field still has its address.
    #expect(state[.rip].map { $0 + 1 } == value(saved["rip"]))
    #expect(region.exitReason?.name == "HLT")
    for register in SegmentRegister.allCases {
      let wanted = try #require(saved[register == .ldtr ? "ldt" : register.rawValue] as? [String: Any])
      let segment = try #require(state.segments[register]?.value)
      #expect(UInt64(segment.selector) == value(wanted["selector"]))
      #expect(segment.base == value(wanted["base"]))
      #expect(UInt64(segment.limit) == value(wanted["limit"]))
      // QEMU keeps the rights in the form of a descriptor's second dword, and shows unusable segments as not present.
      if !segment.isUnusable { #expect(UInt64(segment.accessRights) << 8 == value(wanted["flags"])) }
    }
    for (name, table) in [("gdtr", state.gdtr), ("idtr", state.idtr)] {
      let wanted = try #require(saved[name] as? [String: Any])
      #expect(table?.value.base == value(wanted["base"]))
      #expect(table.map { UInt64($0.value.limit) } == value(wanted["limit"]))
    }
  }

  @Test func otherPagesWithTheRevisionIDAreNoGuests() throws {
    let memory = try VMCoreMemory(try folder("nested") + "/vmcore.elf")
    let judge = RegionJudge(layout: try #require(LayoutCatalogue.layout(id: "bochs-2.7")), memory: memory)
    func judgement(_ address: UInt64) throws -> RegionJudgement {
      judge.judge(try #require(memory.page(address >> 12).page), at: HPA(rawValue: address))
    }
    #expect(try judgement(0x38b0_3000) == .shadow)
    #expect(try judgement(0x37c4_d000) == .headerOnly)
    #expect(try judgement(0x37c4_e000) == .headerOnly)
  }

  @Test func noOtherLayoutExplainsARealRegion() throws {
    let (region, memory) = try region(Self.samples[0])
    for layout in LayoutCatalogue.layouts(revisionID: 0x2b) where layout.id != "bochs-2.7" {
      let judgement = RegionJudge(layout: layout, memory: memory).judge(region.page, at: region.address)
      #expect(judgement != .guest, "\(layout.id)")
    }
  }

  @Test func hostVirtualAddressesTranslateThroughHostCR3() throws {
    for sample in Self.samples {
      let (region, memory) = try region(sample)
      let root = try #require(region[.HOST_CR3])
      let tables = X86PageTables(memory: memory, root: root, levels: 4)
      // KVM's own code and stack, and the vCPU thread's TLS.
      for field in [VMCSField.HOST_RIP, .HOST_RSP, .HOST_FS_BASE] {
        let address = VirtualAddress(rawValue: try #require(region[field]))
        #expect(tables.translate(address) != nil, "\(sample) \(field)")
      }
      let exit = VirtualAddress(rawValue: try #require(region[.HOST_RIP]))
      let rip = try #require(tables.translate(exit))
      // VMLAUNCH and a jump stand before vmx_vmexit.
      #expect(memory.read(rip - 8, count: 3) == [0x0f, 0x01, 0xc2])
    }
  }
}
