/// The layout of a host's regions as far as its kernel's copies of their fields tell it.
public struct InferredLayout: Sendable {
  let inference: LayoutInference
  public let layout: Layout

  /// Regions that the host's kernel names and the dump holds.
  public var regionCount: Int { inference.regions.count }

  /// One field, for people and programs.
  public struct Row: Sendable, Encodable {
    public let field: String
    /// "sure", "agreed", "open" or "not there".
    public let outcome: String
    /// Bytes from the start of the region; of a sure field one.
    public let offsets: [Int]
    /// Bytes that the field takes.
    public let width: Int
    /// vCPUs whose value the host's kernel knows, and how many VMs they are of.
    public let voters: Int
    public let vms: Int
    public let evidence: String
  }

  public var rows: [Row] {
    inference.fields.map { field in
      let (outcome, offsets, width) =
        switch field.outcome {
        case .sure(let place): ("sure", [place.offset], place.width)
        case .agreed(let offsets): ("agreed", offsets, field.field.width)
        case .open(let offsets): ("open", offsets, field.field.width)
        case .notThere: ("not there", [], field.field.width)
        }
      return Row(
        field: field.field.name, outcome: outcome, offsets: offsets, width: width, voters: field.voters,
        vms: field.vms, evidence: field.evidence)
    }
  }

  /// How many fields came out how, in words.
  public var summary: String {
    "\(layout.id): "
      + ["sure", "agreed", "open", "not there"].map { outcome in
        "\(rows.count { $0.outcome == outcome && $0.voters > 0 }) \(outcome)"
      }.joined(separator: ", ") + " of the fields that the kernel keeps a copy of" + (likeness.map { "; " + $0 } ?? "")
  }

  /// Fewer places in common say nothing.
  private static let leastAlike = 16

  /// The layouts of the catalogue that have every settled place, in words; `nil` without any. They tell where open fields
  /// may lie, and no more: no register comes from them unless one is given.
  public var likeness: String? {
    let alike = LayoutCatalogue.all.compactMap(\.layout).filter { known in
      let common = layout.fields.filter { known[$0] != nil }
      return common.count >= Self.leastAlike && common.allSatisfy { known[$0] == layout[$0] }
        && [.unknown, known.accessRights].contains(layout.accessRights)
    }
    guard !alike.isEmpty else { return nil }
    return "all of the settled places are those of \(alike.map(\.id).joined(separator: " and "))"
  }

  /// - Parameters:
  ///   - clues: of all regions that the host's kernel names.
  ///   - given: what is known of the layout already.
  /// - Throws: why nothing can be inferred.
  init(_ clues: [RegionClues], given: Layout? = nil) throws(InferenceFault) {
    guard !clues.isEmpty else { throw .noRegion }
    let revisions = Set(clues.map { $0.page.revisionID })
    guard revisions.count == 1, let revision = revisions.first else { throw .revisions(revisions.sorted()) }
    inference = LayoutInference(clues, given: given)
    guard
      let layout = inference.layout(
        id: given?.id ?? "inferred-\(hex(revision))",
        processor: given?.processor ?? "inferred, revision id \(hex(revision))")
    else { throw .overlap }
    self.layout = layout
  }
}

/// Why nothing can be inferred.
enum InferenceFault: Error, Sendable, Equatable {
  /// The kernel names no vCPU's region.
  case noWord(why: String)
  /// The dump lacks all of them.
  case noRegion
  /// They carry different revision ids.
  case revisions([UInt32])
  /// Two fields came to lie in the same bytes.
  case overlap
}

extension InferenceFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noWord(let why): "the host's kernel names no vCPU: \(why)"
    case .noRegion: "the dump holds no VMCS that the host's kernel names"
    case .revisions(let ids): "the VMCSs carry different revision ids: \(ids.map { hex($0) }.joined(separator: ", "))"
    case .overlap: "two fields come to lie in the same bytes"
    }
  }

  /// What to do.
  var remedy: String {
    switch self {
    case .noWord: "give the kernel's vmlinux and modules with --symbols, where its dump lacks its types"
    case .noRegion, .revisions, .overlap: "give the processor's layout with --layout or --vmcsinfo"
    }
  }
}
