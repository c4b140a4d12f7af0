import Foundation
import Testing

@testable import StreamCore

/// Which VMs the guests of real hosts are, against what was noted while they ran.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealVMIdentityTests {
  private struct Truth {
    let name: String
    let pid: UInt64
    let threads: Set<UInt64>
  }

  private func truth(_ host: String) throws -> [Truth] {
    let folder = (KVMRealHost.folder ?? "") + "/\(host)/truth"
    return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("guest") }.sorted().map {
      let text = { (file: String) in try String(contentsOfFile: file, encoding: .utf8) }
      let line = try text("\(folder)/\($0)/qemu-cmdline.txt").split { $0 == "\0" || $0 == " " }
      let option = try #require(line.firstIndex(of: "-name"))
      let name = try #require(line[option + 1].split(separator: ",").first)
      let pid = try text("\(folder)/\($0)/qemu-pid.txt").trimmingCharacters(in: .whitespacesAndNewlines)
      let threads = try text("\(folder)/\($0)/qemu-tids.txt").split(whereSeparator: \.isWhitespace)
      return Truth(
        name: String(name), pid: try #require(UInt64(pid)), threads: Set(threads.compactMap { UInt64($0) }))
    }
  }

  private func guests(_ host: String, _ file: String) throws -> [Manifest.Guest] {
    let path = (KVMRealHost.folder ?? "") + "/\(host)/\(file)"
    let options = Inspection.Options(.list, workers: Workers(count: 2))
    return try Inspection.run(path: path, options).manifest().guests
  }

  private static let hosts = ["haswell", "nested", "stalled", "new7"]

  @Test(arguments: hosts)
  func `names, processes and threads are the truth`(host: String) throws {
    let truth = try truth(host)
    for file in ["host.lzo.kdump", "host-d17.zlib.kdump", "vmcore.elf"] {
      let guests = try guests(host, file)
      #expect(Set(guests.map(\.name)) == Set(truth.map(\.name)))
      for own in truth {
        let guest = try #require(guests.first { $0.name == own.name })
        let vm = try #require(guest.vm)
        #expect(vm.name == own.name && vm.nameSource == "arguments" && vm.pid == own.pid && vm.uid == 0)
        #expect(vm.comm == "qemu-system-x86" && vm.cgroup?.hasPrefix("/") == true && (vm.started ?? 0) > 0)
        #expect(vm.unknown.keys.sorted() == ["uuid"], "\(vm.unknown)")
        for vcpu in guest.vcpus {
          #expect(own.threads.contains(try #require(vcpu.thread).tid))
          #expect(vcpu.thread?.comm == "CPU \(vcpu.vcpuId ?? 99)/KVM")
        }
      }
    }
  }

  /// Arguments are filtered out: the socket and the log that bear a VM's name give it.
  @Test(arguments: ["haswell", "nested", "stalled"])
  func `without user memory sockets and files name the VMs`(host: String) throws {
    let guests = try guests(host, "host-d31.lzo.kdump")
    let truth = try truth(host)
    #expect(Set(guests.map(\.name)) == Set(truth.map(\.name)))
    for own in truth {
      let vm = try #require(guests.first { $0.name == own.name }?.vm)
      #expect(vm.pid == own.pid && vm.nameSource == "files")
      #expect(vm.unknown["uuid"]?.hasPrefix("its arguments are not known: the dump does not hold") == true)
    }
  }

  /// This dump lacks pages of the kernel: the third VM's files are lost, and it is called by its process.
  @Test func `where the kernel has holes each VM has the best name that is left`() throws {
    let guests = try guests("new7", "host-d31.lzo.kdump")
    #expect(guests.map(\.name).sorted() == ["guest2", "guest3", "qemu-system-x86-161"])
    #expect(guests.compactMap(\.vm?.pid).sorted() == [161, 304, 436])
  }

  /// A kernel without types says nothing of its processes.
  @Test func `a host without types has numbers for names`() throws {
    let guests = try guests("mini", "host.lzo.kdump")
    #expect(guests.map(\.name) == ["guest-1", "guest-2", "guest-3"])
    #expect(guests.allSatisfy { $0.vm == nil })
  }
}
