/// Where the places in `kvm_vcpu.arch` come from. The first in `all` that knows them counts, as with the sources of
/// layouts.
protocol ArchSource: Sendable {
  /// The places in a host's vCPUs; `nil` where this source does not tell them.
  func arch(of vcpus: [VCPUObject], _ shape: VCPUShape, in kernel: LinuxKernel) -> ArchShape?
}

/// By what the vCPUs' own bytes agree on.
struct ArchByShape: ArchSource {
  func arch(of vcpus: [VCPUObject], _ shape: VCPUShape, in kernel: LinuxKernel) -> ArchShape? {
    ArchVote(kernel: kernel, objects: vcpus, shape: shape).run()
  }
}

enum ArchSources {
  /// A source is added by a file and a place in this list.
  static let all: [any ArchSource] = [ArchByShape()]
}
