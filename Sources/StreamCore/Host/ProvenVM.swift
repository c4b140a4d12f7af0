/// A VM of the host, and what shows that it is one.
struct ProvenVM: Sendable {
  /// Its `struct kvm`.
  let kvm: VirtualAddress
  /// In the order of its own table.
  let vcpus: [VCPU]
  /// What the claim rests on, one line each.
  let evidence: [String]
  /// Host frames, ascending, which that evidence stands in: none of them may be a guest's memory.
  let evidenceFrames: [UInt64]
  /// Its memory by its slots, where the host's kernel tells; else its second-level map is all there is.
  var memory: VMMemory?
  /// Why it is not, where its kernel has no types and the dump has lost what would tell.
  var memoryFault: VMMemoryFault?
  /// Which VM it is, where the host's kernel tells.
  var identity: VMIdentity?
}
