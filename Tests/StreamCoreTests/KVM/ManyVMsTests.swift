import Synchronization
import Testing

@testable import StreamCore

/// Counts how often each frame is asked for.
private final class CountingMemory: PhysicalMemory {
  private let memory: KVMTestMemory
  private let counts = Mutex<[UInt64: Int]>([:])

  init(_ memory: KVMTestMemory) { self.memory = memory }

  func page(_ frame: UInt64) -> PageResult {
    counts.withLock { $0[frame, default: 0] += 1 }
    return memory.page(frame)
  }

  var asked: [UInt64: Int] { counts.withLock { $0 } }
}

@Suite struct ManyVMsTests {
  /// The evidence of a host with so many VMs of one vCPU each, and what was asked for to find it.
  private func evidence(vms count: UInt64) throws -> (proven: Int, asked: [UInt64: Int]) {
    var host = KVMTestHost()
    var regions: [RegionFacts] = []
    for index in 0..<count {
      let kvm = host.addVM(index)
      let start = 0x80_0380 + index << 17
      regions.append(host.addVCPU(at: start, kvm: kvm, region: 0x400_0000 + index << 16))
      host.setTable(of: kvm, node: 0x180_0000 + index << 12, vcpus: [start])
    }
    host.finishProcess()
    let memory = CountingMemory(host.memory)
    let kernel = try LinuxKernel(memory: memory, root: HPA(rawValue: KVMTestHost.root), levels: 4, anchored: true)
    let before = memory.asked
    let evidence = try HostEvidence(kernel: kernel, regions: regions)
    let proven = regions.count { (try? evidence.evidence(for: $0.address).get()) != nil }
    return (proven, memory.asked.merging(before) { $0 - $1 })
  }

  @Test func `what is read for many VMs grows with their number, not with its square`() throws {
    let few = try evidence(vms: 16)
    let many = try evidence(vms: 64)
    #expect(few.proven == 16 && many.proven == 64)
    let asked = (few: few.asked.values.reduce(0, +), many: many.asked.values.reduce(0, +))
    #expect(asked.many < asked.few * 5, "\(asked.few) pages for 16 VMs, \(asked.many) for 64")
  }

  @Test func `of a VM that stands in the known list, what lies behind its place there is not read`() throws {
    let asked = try evidence(vms: 16).asked
    // The place is in the second of a struct kvm's pages. The first VM leads to the list, and its vCPU is a guess.
    let behind = (1..<UInt64(16)).map { (0x300_0000 + $0 << 16 + 0x2000) >> 12 }
    #expect(behind.allSatisfy { asked[$0] == nil })
    #expect((1..<UInt64(16)).allSatisfy { asked[(0x300_0000 + $0 << 16) >> 12] != nil })
  }
}
