import Foundation
import Testing

@testable import StreamCore

/// Each page that a list of a real host reads by itself - page tables, names, types, structures, EPT - absent, then
/// damaged: what is lost is said, and nothing else comes out. A part of them in each run; VMCS_SPLIT_ALL_PAGES takes all
/// of the hosts that it names ("haswell,new7").
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct TornRealHostTests {
  /// Pages that are torn where not all are.
  private static let sample = 16

  private func list(_ host: String, _ log: TornDump.Log, _ frame: UInt64? = nil, _ tear: TornDump.Tear = .absent)
    throws -> Manifest
  {
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    options.open = { (source) throws(HostDumpError) in
      TornDump(whole: try openHostDump(source), log: log, frame: frame, tear: tear)
    }
    let path = (KVMRealHost.folder ?? "") + "/\(host)/host.lzo.kdump"
    return try Inspection.run(path: path, options).manifest()
  }

  @Test(arguments: ["haswell", "mini", "new7"])
  func nothingIsLostInSilence(host: String) throws {
    let log = TornDump.Log()
    let whole = try list(host, log)
    #expect(whole.exitStatus == .complete && whole.guests.count == 3)
    let frames = log.all
    var tally: [String: Int] = [:]
    #expect(frames.count > 200)
    let all = ProcessInfo.processInfo.environment["VMCS_SPLIT_ALL_PAGES"] ?? ""
    let takesAll = all.split(separator: ",").contains { $0 == host }
    let step = takesAll ? 1 : max(1, frames.count / Self.sample)
    for index in stride(from: step / 2, to: frames.count, by: step) {
      for tear in TornDump.Tear.allCases {
        let what = "\(host): frame \(String(frames[index], radix: 16)) \(tear)"
        do {
          let torn = try list(host, TornDump.Log(), frames[index], tear)
          expectNothingSilent(torn, whole, what)
          tally[torn.guests.count == 3 ? "with all guests" : "with \(torn.guests.count)", default: 0] += 1
          tally["exit \(torn.exitStatus.code)", default: 0] += 1
        } catch let failure as Failure {
          #expect(failure.exitStatus(signal: 0) == .unusableInput, "\(what): \(failure)")
          tally["refused", default: 0] += 1
        }
      }
    }
    let outcomes = tally.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    print("torn pages of \(host): \(takesAll ? frames.count : Self.sample) of \(frames.count), each twice: \(outcomes)")
  }

  private func expectNothingSilent(_ torn: Manifest, _ whole: Manifest, _ what: String) {
    let regions = { (manifest: Manifest) in Set(manifest.guests.flatMap(\.vcpus).compactMap { $0.vmcs?.value }) }
    #expect(regions(torn).isSubset(of: regions(whole)), "\(what): another guest")
    var isSame = regions(torn) == regions(whole)
    for guest in torn.guests {
      let first = guest.vcpus.lazy.compactMap { $0.vmcs?.value }.first
      guard let twin = whole.guests.first(where: { $0.vcpus.contains { $0.vmcs?.value == first } }) else {
        isSame = false
        continue
      }
      #expect(guest.pages.known ?? 0 <= twin.pages.known ?? 0, "\(what): more pages")
      if guest.pages.known != twin.pages.known || guest.vcpus.count != twin.vcpus.count { isSame = false }
      for vcpu in guest.vcpus {
        guard let same = twin.vcpus.first(where: { $0.vmcs?.value == vcpu.vmcs?.value }) else { continue }
        for (name, entry) in vcpu.registers {
          // By the VMCS alone RIP may lag behind, and then says that it is the VMCS's.
          guard let truth = same.registers[name], truth.source == entry.source else { continue }
          #expect(truth.value == entry.value, "\(what): \(name)")
        }
      }
    }
    if !isSame { #expect(torn.exitStatus == .incomplete, "\(what): lost in silence, \(torn.warnings)") }
  }
}
