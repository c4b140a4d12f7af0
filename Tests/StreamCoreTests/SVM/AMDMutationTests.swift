import Foundation
import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Anything on an AMD host that its kernel does not describe with bytes that are wrong: its guests come out by content, or
/// what is lost is said, and none is made up.
///
/// A part of what there is in each run: VMCS_SPLIT_AMD_MUTATIONS has a range of numbers ("0-10000", "17-18").
@Suite struct AMDMutationTests {
  private static let hosts = ["6.1", "7.3", "5.10", "6.12 sme 47"]

  private static func recipe(_ kernel: String) -> String {
    """
    host ram 32M cpus 2 amd kernel \(kernel) seed 17
    guest a ram 0-2M nolinux
      vcpu halted
      vcpu running
    guest b ram 0-2M nolinux
      vcpu stopped
    guest gone ram 0-2M dead nolinux
    """
  }

  @Test func whateverIsWrongTheRestComesOutAndIsSaid() throws {
    let range = ProcessInfo.processInfo.environment["VMCS_SPLIT_AMD_MUTATIONS"] ?? "0-24"
    let bounds = range.split(separator: "-").compactMap { Int($0) }
    let numbers = try #require(bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil)
    let subjects = try Self.hosts.map { try MutableHost(Self.recipe($0)) }
    var tally: [String: Int] = [:]
    for number in numbers {
      let subject = subjects[number % subjects.count]
      let mutation = HostMutation(number, of: subject)
      let what = "\(Self.hosts[number % subjects.count]): \(mutation)"
      tally[try subject.with(mutation.changes) { try outcome(subject, what) }, default: 0] += 1
    }
    let text = tally.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    print("mutations of AMD hosts \(numbers): \(text)")
    if numbers.count >= 24 { #expect(tally["whole", default: 0] > numbers.count / 4, "\(text)") }
  }

  private func outcome(_ subject: MutableHost, _ what: String) throws -> String {
    let manifest: Manifest
    do {
      var options = Inspection.Options(.list, workers: Workers(count: 1))
      options.isByContent = true
      manifest = try Inspection.run(path: subject.path, options).manifest()
    } catch let failure as Failure {
      #expect(failure.exitStatus(signal: 0) == .unusableInput, "\(what): \(failure)")
      return "refused"
    }
    let live = subject.host.liveGuests
    let truth = Dictionary(uniqueKeysWithValues: live.map { ($0.name, Set($0.vcpus.map(\.vmcs))) })
    var found: Set<String> = []
    for guest in manifest.guests {
      let own = Set(guest.vcpus.filter { !$0.registers.isEmpty }.compactMap { $0.vmcs?.value })
      guard let name = truth.first(where: { own.isSubset(of: $0.value) })?.key else {
        Issue.record("\(what): a guest of \(own) that is none")
        continue
      }
      if own == truth[name] { found.insert(name) }
    }
    let isWhole = found.count == truth.count
    #expect(isWhole || manifest.exitStatus == .incomplete, "\(what): \(found.sorted()), \(manifest.warnings)")
    return isWhole ? "whole" : "in part"
  }
}
