/// By what a region is known to be a dead vCPU's. Source: Documentation/vmcs.md §9.
enum DeathReason: Equatable, Sendable {
  /// Its `loaded_vmcs` was cleared: pointer NULL, cpu -1, not launched.
  case released
  /// The VM that its vCPU names is unmapped.
  case kvmUnmapped(VirtualAddress)
  /// The VM that its vCPU names was taken off the list of VMs.
  case kvmUnlisted(VirtualAddress)
  /// Neither HOST_FS_BASE nor HOST_RSP is mapped by the tables that HOST_CR3 names: the thread is gone.
  case threadGone
}

extension DeathReason: CustomStringConvertible {
  var description: String {
    switch self {
    case .released: "its loaded_vmcs was cleared"
    case .kvmUnmapped(let kvm): "its VM at \(kvm) is unmapped"
    case .kvmUnlisted(let kvm): "its VM at \(kvm) was taken off the list of VMs"
    case .threadGone: "its thread's stack and memory are unmapped"
    }
  }
}

extension DeathReason {
  /// As the manifest has it.
  var entry: Manifest.DeathEvidence {
    switch self {
    case .released: .init(reason: "released")
    case .kvmUnmapped(let kvm): .init(reason: "kvm_unmapped", kvm: .init(kvm.rawValue))
    case .kvmUnlisted(let kvm): .init(reason: "kvm_unlisted", kvm: .init(kvm.rawValue))
    case .threadGone: .init(reason: "thread_gone")
    }
  }
}
