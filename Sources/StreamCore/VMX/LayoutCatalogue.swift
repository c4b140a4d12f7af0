/// The layouts that come with the program, one file each in Layouts/. Nothing is parsed until a layout is asked for.
public enum LayoutCatalogue {
  /// One layout, still as text.
  public struct Entry: Sendable {
    public let id: String
    /// The ids of the text's own header, so that a dump's ids find it unparsed.
    public let revisionIDs: [UInt32]
    public let text: String

    /// `nil` only when the text is broken, which a test rules out.
    public var layout: Layout? { try? Layout(parsing: text) }
  }

  /// Every layout. A test compares the list with the files in Layouts/. Where several share a revision id, the order is
  /// that of `layouts(revisionID:)`.
  public static let all: [Entry] = [
    .intelPenryn, .intelNehalem, .intelWestmere, .intelSandyBridge, .intelHaswell, .intelSkylake,
    .kvmVmcs12, .kvmVmcs12Of2013, .hyperVEvmcs1, .vmwareNested, .xenNested, .virtualBoxVvmcs,
    .bochs27, .bochs28, .bochs30, .bochsGit2026,
  ]

  /// The ids that some layout has.
  public static var revisionIDs: Set<UInt32> { Set(all.flatMap(\.revisionIDs)) }

  /// The layouts that have the id; bit 31 (shadow VMCS) is ignored.
  public static func layouts(revisionID: UInt32) -> [Layout] {
    all.filter { $0.revisionIDs.contains(revisionID & 0x7fff_ffff) }.compactMap(\.layout)
  }

  public static func layout(id: String) -> Layout? {
    all.first { $0.id == id }?.layout
  }
}
