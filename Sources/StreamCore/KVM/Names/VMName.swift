/// What a VM is called, and who says so. It is text that a tenant may have chosen: a label, which decides nothing.
struct VMName: Sendable, Equatable {
  /// Raw values are the manifest's.
  enum Source: String, Sendable {
    /// The name that the VMM was started with.
    case arguments
    /// The control group that the VMM is in.
    case cgroup
    /// A unix socket that the VMM listens at, or a file that it has open.
    case files
    /// The VMM's own name and its number.
    case process
  }

  let text: String
  let source: Source
  /// What of the source says it: an option, a control group, paths; of the process, why no other source does.
  let evidence: [String]

  /// UTF-8 bytes of a name at most; longer ones are cut. Source: QEMU and libvirt have no limit below NAME_MAX.
  static let limit = 255

  /// - Parameter text: `nil` or empty: there is no name.
  init?(_ text: String?, _ source: Source, _ evidence: [String]) {
    guard let text, !text.isEmpty else { return nil }
    var scalars = String.UnicodeScalarView()
    var bytes = 0
    for scalar in text.unicodeScalars {
      bytes += UTF8.width(scalar)
      guard bytes <= Self.limit else { break }
      scalars.append(scalar)
    }
    self.text = String(scalars)
    self.source = source
    self.evidence = evidence
  }
}
