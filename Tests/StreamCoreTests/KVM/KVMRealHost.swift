import Foundation
import Testing

@testable import StreamCore

/// One of the real host dumps with truth, as the KVM room sees it.
struct KVMRealHost {
  static let folder = ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"]
  static var isThere: Bool { folder != nil }

  let path: String
  let memory: HostMemory
  let info: VMCoreInfo
  let regions: [VMCSRegion]

  var facts: [RegionFacts] { regions.map { RegionFacts($0) } }

  /// Where the host's VMCS regions lie, guest by guest; vmcs02 under the name of its owner.
  static let addresses: [String: [(guest: String, address: UInt64)]] = [
    "haswell": [
      ("guest1", 0x1cb3_a000), ("guest2", 0x2a6_f000), ("guest2", 0x1bdb_d000), ("guest3", 0x1ca3_5000),
    ],
    "mini": [("guest1", 0x113_d000), ("guest2", 0x10d_0000), ("guest2", 0x10d_b000), ("guest3", 0xa3_4000)],
    "nested": [("guest1", 0x38a3_4000), ("guest2", 0x3fe9_c000), ("guest1", 0x38b0_1000)],
  ]

  init(_ name: String, file: String = "vmcore.elf") throws {
    path = (Self.folder ?? "") + "/" + name
    let dump = try openHostDump(path: path + "/" + file)
    memory = HostMemory(dump)
    info = try #require(dump.vmcoreinfo)
    let layout = try #require(LayoutCatalogue.layout(id: "bochs-2.7"))
    var regions: [VMCSRegion] = []
    for (_, address) in Self.addresses[name] ?? [] {
      let page = try #require(memory.page(address >> 12).page)
      regions.append(VMCSRegion(address: HPA(rawValue: address), page: page, layout: layout))
    }
    self.regions = regions
  }

  func kernel() throws -> LinuxKernel { try LinuxKernel(vmcoreinfo: info, memory: memory) }

  /// `info registers` of one vCPU, as numbers by name.
  func truth(guest: String, cpu: Int) throws -> [String: UInt64] {
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(path)/truth/\(guest)/registers.json"))
    let all = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    var values: [String: UInt64] = [:]
    for (name, value) in try #require(all.first { $0["cpu"] as? Int == cpu }) {
      if let text = value as? String, let number = UInt64(text, radix: 16) { values[name] = number }
    }
    return values
  }
}
