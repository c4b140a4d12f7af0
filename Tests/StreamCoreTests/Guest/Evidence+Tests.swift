@testable import StreamCore

extension Manifest.Evidence {
  /// For guests whose proof is no matter.
  static let none = Manifest.Evidence(
    pageTables: .init(source: "regions", root: .init(0), directMap: .init(0)),
    kvm: .init(address: .init(0), vcpus: 0), vcpus: [])
}
