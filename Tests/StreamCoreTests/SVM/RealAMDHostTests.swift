@testable import StreamCore
import Testing

/// The real AMD host, its kernel asked and not asked.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealAMDHostTests {
  private func inspection(_ file: String, byContent: Bool) throws -> Inspection {
    let path = (KVMRealHost.folder ?? "") + "/amd/\(file)"
    var options = Inspection.Options(.page, workers: Workers(count: 2))
    options.isByContent = byContent
    return try Inspection.run(path: path, options)
  }

  /// What only types lead to.
  private static let typed: Set = ["dr0", "dr1", "dr2", "dr3", "xcr0", "xss", "tsc_aux"]

  @Test(arguments: ["host.lzo.kdump", "host.zlib.kdump", "vmcore.elf", "host-d31.lzo.kdump"])
  func byContentItsGuestsAreTheSame(file: String) throws {
    let told = try inspection(file, byContent: false).guests
    let found = try inspection(file, byContent: true).guests
    #expect(found.map { $0.vcpus.map(\.region) } == told.map { $0.vcpus.map(\.region) })
    #expect(found.count == 3 && found.map { $0.map.sources[.tables] } == [18378, 9162, 9674])
    for (one, other) in zip(told, found) {
      #expect(other.map.known == one.map.known && other.slots?.map(\.frames) == one.slots?.map(\.frames))
      one.map.known.forEachRun { run in
        for frame in run where other.memory.hostFrame(frame) != one.memory.hostFrame(frame) { Issue.record("\(frame)") }
      }
      for (own, content) in zip(one.vcpus, other.vcpus) {
        #expect(content.kvm?.apicID == own.kvm?.apicID && content.kvm?.mpState == own.kvm?.mpState)
        for (register, value) in own.registers.registers where !Self.typed.contains(register.rawValue) {
          #expect(content.registers[register] == value.value, "\(register)")
        }
        #expect(content.registers.segments == own.registers.segments)
        #expect(content.registers.gdtr == own.registers.gdtr && content.registers.idtr == own.registers.idtr)
      }
    }
  }
}
