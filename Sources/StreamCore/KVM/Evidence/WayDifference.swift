/// What the host kernel's list of VMs and the proof by content say differently of one host. Both read the same memory, so
/// that one of them was misled: by damage, by types that are wrong, or by what a guest wrote.
enum WayDifference: Equatable, Sendable {
  /// Content proves none of the listed VMs; why it does not for the first region that the kernel names.
  case nothingByContent(vms: Int, EvidenceFault)
  /// A VM with vCPUs that content does not lead to.
  case notByContent(VirtualAddress)
  /// A VM that the list lacks.
  case notListed(VirtualAddress)
  /// vCPUs of a VM that one way alone has.
  case vcpus(VirtualAddress, listed: [VCPUPointer], content: [VCPUPointer])
  /// The region of a vCPU that both have.
  case region(VCPUPointer, listed: HPA?, content: HPA?)
  /// A region that content proves, and no listed vCPU names; its VM.
  case notNamed(HPA, VirtualAddress)

  /// - Parameters:
  ///   - listed: by the kernel's own list and types.
  ///   - content: the evidence without them.
  ///   - regions: that the kernel names and that have a region's content.
  static func all(_ listed: ListedVMs, _ content: HostEvidence, regions: [RegionFacts]) -> [WayDifference] {
    let named = listed.vms.filter { !$0.vcpus.isEmpty }
    if content.proven.isEmpty {
      // A vCPU that never ran leaves nothing that could be proven.
      let provable = regions.first { $0.hostFieldFault(content.kernel) == nil && !listed.isNested($0.address) }
      guard let provable, case .failure(let fault) = content.evidence(for: provable.address) else { return [] }
      return [.nothingByContent(vms: named.count, fault)]
    }
    let found = Dictionary(content.kvms.map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
    var all = named.flatMap { vm in
      found[vm.kvm].map { differences(of: vm, $0, content) } ?? [.notByContent(vm.kvm)]
    }
    let known = Set(listed.vms.map(\.kvm))
    all += content.kvms.map(\.address).filter { !known.contains($0) }.map(WayDifference.notListed)
    for (region, proof) in content.proven where listed.claims[region] == nil && known.contains(proof.kvm) {
      // Told with its vCPU, where that is known by both.
      guard !all.contains(where: { $0.contentRegion == region }) else { continue }
      if case .nested = proof.role, listed.types.vmcs02 == nil { continue }
      all.append(.notNamed(region, proof.kvm))
    }
    return all
  }

  private static func differences(
    of vm: ListedVM, _ object: KVMObject, _ content: HostEvidence
  ) -> [WayDifference] {
    let own = Set(vm.vcpus.map(\.pointer))
    let other = Set(object.vcpus)
    var all: [WayDifference] = []
    if own != other {
      let order = { (vcpus: Set<VCPUPointer>) in vcpus.sorted { ($0.index, $0.address) < ($1.index, $1.address) } }
      all.append(
        .vcpus(vm.kvm, listed: order(own.subtracting(other)), content: order(other.subtracting(own))))
    }
    for vcpu in vm.vcpus where other.contains(vcpu.pointer) {
      let region = content.region(of: vcpu.pointer.address)
      if region != vcpu.region { all.append(.region(vcpu.pointer, listed: vcpu.region, content: region)) }
    }
    return all
  }

  private var contentRegion: HPA? { if case .region(_, _, let content) = self { content } else { nil } }
}

extension WayDifference: CustomStringConvertible {
  var description: String {
    switch self {
    case .nothingByContent(let count, let fault):
      "the kernel lists \(count) VMs with vCPUs, and none of them is found by content: \(fault)"
    case .notByContent(let kvm): "the kernel lists a VM at \(kvm), which is not found by content"
    case .notListed(let kvm): "by content there is a VM at \(kvm), which the kernel's list does not have"
    case .vcpus(let kvm, let listed, let content):
      "of the VM at \(kvm) the kernel alone has \(Self.text(listed)), content alone \(Self.text(content))"
    case .region(let vcpu, let listed, let content):
      "the region of vCPU \(vcpu.index) at \(vcpu.address) is at \(Self.text(listed)) by the kernel, at "
        + "\(Self.text(content)) by content"
    case .notNamed(let region, let kvm):
      "by content region \(region) is of the VM at \(kvm), of which no vCPU names it by the kernel"
    }
  }

  private static func text(_ region: HPA?) -> String { region.map { "\($0)" } ?? "no page" }

  /// The first few: a VM can have a thousand.
  private static func text(_ vcpus: [VCPUPointer]) -> String {
    guard !vcpus.isEmpty else { return "no vCPU" }
    let shown = vcpus.prefix(4).map { "vCPU \($0.index) at \($0.address)" }.joined(separator: ", ")
    return vcpus.count > 4 ? "\(shown) and \(vcpus.count - 4) more" : shown
  }
}

extension ListedVMs {
  fileprivate func isNested(_ region: HPA) -> Bool { claims[region]?.isNested ?? false }
}
