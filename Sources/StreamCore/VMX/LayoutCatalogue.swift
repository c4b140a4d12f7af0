/// The layouts that come with the program, one file each in Layouts/. Nothing is parsed until a layout is asked for.
public enum LayoutCatalogue {
  /// One layout, still as text.
  public struct Entry: Sendable {
    public let id: String
    /// The ids of the text's own header, so that a dump's ids find it unparsed. Without any no dump does: nobody has
    /// published them.
    let revisionIDs: [UInt32]
    /// Bits of bytes 8 to 15 that are 0 in every region a host can enter with: RPL and TI of the HOST_*_SELECTORs that
    /// stand there. They tell most chance hits by the head alone. Source: SDM vol. 3, 28.2.3.
    let headZeros: UInt64
    let text: String

    init(id: String, revisionIDs: [UInt32], headZeros: UInt64 = 0, text: String) {
      self.id = id
      self.revisionIDs = revisionIDs
      self.headZeros = headZeros
      self.text = text
    }

    /// `nil` only when the text is broken, which a test rules out.
    public var layout: Layout? { try? Layout(parsing: text) }
  }

  /// Every layout. A test compares the list with the files in Layouts/. Where several share a revision id, the order is
  /// that of `layouts(revisionID:)`.
  public static let all: [Entry] = [
    .intelPenryn, .intelNehalem, .intelWestmere, .intelSandyBridge, .intelHaswell, .intelSkylake,
    .intelGoldenCove,
    .kvmVmcs12, .kvmVmcs12Of2013, .hyperVEvmcs1, .vmwareNested, .xenNested, .virtualBoxVvmcs,
    .bochs27, .bochs28, .bochs30, .bochsGit2026,
  ]

  /// The bits that are 0 in bytes 8 to 15 of every region with an id, whatever layout it has, by id.
  static var heads: [UInt32: UInt64] {
    var heads: [UInt32: UInt64] = [:]
    for entry in all {
      for revision in entry.revisionIDs { heads[revision] = (heads[revision] ?? .max) & entry.headZeros }
    }
    return heads
  }

  /// Whether an id is one that a hypervisor gives its guests' own VMCSs, and no processor has. Hyper-V's and VMware's is
  /// 1, which says nothing. Source: Documentation/nested.md §2; Layouts/.
  static func isNested(_ revisionID: UInt32) -> Bool {
    [Entry.kvmVmcs12, .xenNested, .virtualBoxVvmcs].contains { $0.revisionIDs.contains(revisionID & 0x7fff_ffff) }
  }

  /// The layouts that have the id; bit 31 (shadow VMCS) is ignored.
  static func layouts(revisionID: UInt32) -> [Layout] {
    all.filter { $0.revisionIDs.contains(revisionID & 0x7fff_ffff) }.compactMap(\.layout)
  }

  static func layout(id: String) -> Layout? {
    all.first { $0.id == id }?.layout
  }
}
