/// The layout that explains the host's regions, and how it was chosen.
struct LayoutChoice: Sendable, Equatable {
  var layout: Layout
  /// "layout-file", "vmcsinfo-file", "vmcsinfo" (a note in the dump) or "catalogue".
  var source: String
  var revisionID: UInt32
  var evidence: Manifest.LayoutEvidence
}
