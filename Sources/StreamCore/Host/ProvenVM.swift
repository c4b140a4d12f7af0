/// A VM of the host, and what shows that it is one.
struct ProvenVM: Sendable {
  /// Its `struct kvm`.
  let kvm: VirtualAddress
  /// In the order of its own table.
  let vcpus: [VCPU]
  /// What the claim rests on.
  let evidence: Manifest.Evidence
  /// Host frames, ascending, which that evidence stands in: none of them may be a guest's memory.
  let evidenceFrames: [UInt64]
  /// Its memory by its slots, where the host's kernel tells; else its second-level map is all there is.
  var memory: VMMemory?
  /// Why it is not, where its kernel has no types and the dump has lost what would tell.
  var memoryFault: VMMemoryFault?
  /// The memory of its VMM, where the host's kernel does not tell the slots; `nil`: it does, or names none.
  var vmm: Result<ProcessPages, VMMTablesFault>?
  /// Which VM it is, where the host's kernel tells.
  var identity: VMIdentity?
  /// Its clocks, likewise.
  var clock: Result<VMClock, KernelFault>?
}

/// Why the page tables of a VMM are not known by its vCPUs' host state.
enum VMMTablesFault: Error, Equatable, Sendable {
  /// No region holds HOST_CR3, or its layout has no place for it; or nothing in an AMD host's `struct kvm` leads there.
  case notNamed
  case several(HPA, HPA)
  case foreign(HPA, KernelHalf)
}

extension VMMTablesFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .notNamed: "nothing of it names them"
    case .several(let one, let other): "it names two, at \(one) and \(other)"
    case .foreign(let table, let half): "those at \(table) are none of this kernel's: \(half)"
    }
  }
}
