import Foundation
import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Anything on the way from a described host's image to its guests with bytes that are wrong - names, types, modules,
/// lists, trees, tasks, files, memory maps, page tables, slots, vCPUs: a list ends with what is left, by the second way
/// where the first one breaks, says so, and takes no more than its bounds.
///
/// A part of the 10,000 in each run: VMCS_SPLIT_WAY_MUTATIONS has a range of numbers ("0-10000", "17-18").
@Suite struct WholeWayMutationTests {
  private static let kernels = ["6.1 symbols types", "7.3 symbols types", "5.14 symbols types"]
  /// Bytes that a list of such a host asks for, at most: some times its RAM.
  private static let byteLimit: UInt64 = 512 << 20

  private static func recipe(_ kernel: String) -> String {
    """
    host ram 24M cpus 2 kernel \(kernel) seed 17
    guest a ram 0-2M nolinux unnamed
      cgroup /machine.slice/machine-qemu-a.scope
      socket /run/a.sock
      file /var/log/a.log
      vcpu halted
      vcpu running
    guest b ram 0-2M nolinux
    """
  }

  @Test func whateverIsWrongTheRestComesOutAndIsSaid() throws {
    let range = ProcessInfo.processInfo.environment["VMCS_SPLIT_WAY_MUTATIONS"] ?? "0-180"
    let bounds = range.split(separator: "-").compactMap { Int($0) }
    let numbers = try #require(bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil)
    let subjects = try Self.kernels.map { try MutableHost(Self.recipe($0)) }
    var tally: [String: Int] = [:]
    for number in numbers {
      let subject = subjects[number % subjects.count]
      let mutation = HostMutation(number, of: subject)
      tally[try subject.with(mutation.changes) { try outcome(subject, "\(mutation)") }, default: 0] += 1
    }
    let text = tally.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    print("mutations of the whole way \(numbers): \(text)")
    if numbers.count >= 100 {
      #expect(tally["whole", default: 0] > numbers.count / 4 && tally["content", default: 0] > 0, "\(text)")
    }
  }

  private func outcome(_ subject: MutableHost, _ what: String) throws -> String {
    let manifest: Manifest
    do {
      let options = Inspection.Options(.list, workers: Workers(count: 1))
      manifest = try Inspection.run(path: subject.path, options).manifest()
    } catch let failure as Failure {
      #expect(failure.exitStatus(signal: 0) == .unusableInput, "\(what): \(failure)")
      return "refused"
    }
    let truth = Dictionary(
      uniqueKeysWithValues: subject.host.guests.map { ($0.name, Set($0.vcpus.map(\.vmcs))) })
    var found: Set<String> = []
    for guest in manifest.guests {
      let own = Set(guest.vcpus.filter { !isRefused($0) }.compactMap { $0.vmcs?.value })
      if own.isEmpty, guest.vcpus.contains(where: isRefused) {
        #expect(manifest.warnings.contains { $0.code == .no_vmcs && $0.text.hasPrefix(guest.name) }, "\(what)")
        continue
      }
      guard let name = truth.first(where: { !own.isEmpty && own.isSubset(of: $0.value) })?.key else {
        Issue.record("\(what): a guest of \(own) that is none")
        continue
      }
      if own == truth[name] { found.insert(name) }
      expectTrue(guest, what)
    }
    let bytes = manifest.counters.filter { $0.key.hasPrefix("bytes_") }.values.reduce(0, +)
    #expect(bytes < Self.byteLimit, "\(what): \(bytes) bytes")
    let isWhole = found.count == truth.count
    #expect(isWhole || manifest.exitStatus == .incomplete, "\(what): \(found.sorted()), \(manifest.warnings)")
    let way = try #require(manifest.discovery)
    if way.way == "content" {
      #expect(manifest.warnings.contains { $0.code == .by_content }, "\(what): \(way.why ?? "-")")
      return isWhole ? "content" : "content in part"
    }
    if let why = way.why { #expect(!manifest.warnings.isEmpty, "\(what): \(why)") }
    return isWhole ? "whole" : "in part"
  }

  /// The page that the kernel names as its region is none, and it is said.
  private func isRefused(_ vcpu: Manifest.VCPU) -> Bool {
    vcpu.reasons?.values.contains { $0.contains("named as its VMCS") && $0.contains("is none") } ?? false
  }

  /// A guest has a name, or a reason; labels have their lengths.
  private func expectTrue(_ guest: Manifest.Guest, _ what: String) {
    #expect(guest.name.utf8.count <= VMName.limit && !guest.name.isEmpty, "\(what)")
    guard let vm = guest.vm else { return }
    #expect(vm.name != nil || vm.unknown["name"] != nil, "\(what)")
    #expect((vm.cgroup?.utf8.count ?? 0) <= 4097, "\(what)")
  }
}
