import HostModel
import HostRecipes
@testable import StreamCore
import Synchronization
import Testing

/// The memory of a generated host as it stands; what was read of it is kept.
final class BuiltMemory: PhysicalMemory {
  private let host: BuiltHost
  private let known = Mutex<[UInt64: Page]>([:])

  init(_ host: BuiltHost) { self.host = host }

  func page(_ frame: UInt64) -> PageResult {
    guard host.ram.contains(where: { $0.contains(frame) }) else { return .absent }
    let page = known.withLock { known in
      if known[frame] == nil { known[frame] = Page(host.memory.bytes(at: frame << 12, count: 4096)) }
      return known[frame]
    }
    return page.map { .page($0) } ?? .absent
  }
}

/// A host that describes itself, whose vCPUs are read by its types; a test changes what stands there.
struct DescribedVCPUs {
  var host: BuiltHost
  private let info: VMCoreInfo

  /// One guest with a vCPU of each activity, and all of them in the order of `VCPUActivity`.
  init(_ kernel: String) throws {
    let vcpus = VCPUActivity.allCases.map { "  vcpu \($0.rawValue)" }.joined(separator: "\n")
    host = try HostRecipe("host ram 24M cpus 2 kernel \(kernel) seed 3\nguest a ram 0-2M nolinux\n\(vcpus)").build()
    let text = try #require(host.vmcoreInfo)
    info = try #require(VMCoreInfo(Array(text.utf8)))
  }

  func vcpu(_ activity: VCPUActivity) throws -> BuiltVCPU {
    try #require(host.guests.first?.vcpus.first { $0.state == activity })
  }

  func types() throws -> KVMTypes {
    try #require(HostWord(info, BuiltMemory(host), isAsked: true).listed).types
  }

  func kernel() throws -> LinuxKernel { try LinuxKernel(vmcoreinfo: info, memory: BuiltMemory(host)) }

  /// - Parameters:
  ///   - types: as they were before the host was changed; `nil`: as they are now.
  ///   - kernel: the host's as it is now, where a test asks it often.
  func state(
    _ activity: VCPUActivity, _ types: KVMTypes? = nil, _ kernel: LinuxKernel? = nil
  ) throws -> TypedVCPUState {
    let place = host.kernel.virtual(try vcpu(activity).vcpuAddress)
    return TypedVCPUState(
      of: VirtualAddress(rawValue: place), try types?.state ?? self.types().state, isActive: true,
      kernel: try kernel ?? self.kernel())
  }

  mutating func store(_ value: UInt64, in activity: VCPUActivity, at offset: UInt64, width: Int = 8) throws {
    host.space.memory.store(value, at: try vcpu(activity).vcpuAddress + offset, width: width)
  }

  /// Physical address of a vCPU's `struct fpstate`.
  func fpstate(_ activity: VCPUActivity) throws -> UInt64 {
    host.memory.load(try vcpu(activity).vcpuAddress + host.shape.fpstate) - host.kernel.directMap
  }

  mutating func storeFPU(_ value: UInt64, of activity: VCPUActivity, at offset: UInt64, width: Int = 8) throws {
    host.space.memory.store(value, at: try fpstate(activity) + offset, width: width)
  }
}
