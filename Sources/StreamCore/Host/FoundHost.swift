/// What a host's dump says of its guests, whichever way it was found.
struct FoundHost: Sendable {
  let vendor: Vendor
  /// `nil`: none reads its regions, as `unknown` says, or none is needed.
  var layout: LayoutChoice?
  var unknown: UnknownLayout?
  var vms: [ProvenVM]
  /// VMs that the host kernel lists and that no region in the dump belongs to.
  var unseen: [VirtualAddress]
  /// VMs that the host kernel lists and that cannot be read, and why.
  var unreadable: [(kvm: VirtualAddress, why: String)]
  /// What is left of vCPUs that are gone, and by what that is known.
  var defunct: [(region: HPA, reason: DeathReason)]
  /// Pages that content or evidence kept out, one line each.
  var nearMisses: [String]
  /// Regions whose last exit was cut short, with the VMX abort indicator.
  var aborted: [(region: HPA, indicator: UInt32)]
  /// Sources of layouts that were tried before and refused, one line each.
  var refused: [String]
  /// How the two ways to the VMs differ, where both were taken.
  var differences: [WayDifference] = []
}

extension JudgedHost {
  /// - Parameters:
  ///   - refused: sources of layouts that were tried before.
  ///   - listed: the VMs of the kernel's own list.
  ///   - usesShapes: slots of a known shape count.
  func found(refused: [String], listed: ListedVMs?, usesShapes: Bool) -> FoundHost {
    var host = FoundHost(
      vendor: vendor, layout: layout, unknown: unknown, vms: vms(listed, usesShapes: usesShapes),
      unseen: unseen, unreadable: evidence.unreadable.map { ($0, "\($1)") },
      defunct: [],
      nearMisses: search.nearMisses.map { "\($0.address): \($0.layout): \($0.fault)" }, aborted: [], refused: refused)
    host.nearMisses += faults
    for (address, fault) in rejected {
      if case .dead(let reason) = fault {
        host.defunct.append((address, reason))
      } else {
        host.nearMisses.append("\(address): \(layout?.layout.id ?? vendor.region): no host evidence: \(fault)")
      }
    }
    for vcpu in host.vms.flatMap(\.vcpus) {
      guard let root = vcpu.staleRoot, let region = vcpu.region else { continue }
      host.nearMisses.append(
        "\(region): its \(vendor.root) \(hex(root)) is not what KVM has in use: its tables are not read")
    }
    for region in facts {
      guard case .success(let proof) = evidence.evidence(for: region.address), case .nested(let vcpu) = proof.role
      else {
        continue
      }
      host.nearMisses.append(
        "\(region.address): \(vendor.nested) of \(vendor.vcpu) \(vcpu): a guest's own guest as the processor runs it")
    }
    for region in regions {
      if region.abortIndicator != 0 { host.aborted.append((region.address, region.abortIndicator)) }
    }
    return host
  }
}
