import ArgumentParser
import StreamCore

extension LayoutCommand {
  struct Infer: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "infer", abstract: "Find out a host's VMCS layout from what its kernel knows of its vCPUs.",
      discussion: "The catalogue is not asked. Prints each field: sure (one place), agreed (several places that hold "
        + "the same), open, or not there. -v: also the fields that the kernel keeps no copy of.")

    @OptionGroup var common: CommonOptions

    func run() throws {
      try runCommand(common) { workers, _ in
        let inferred = try Inspection.inferredLayout(
          paths: common.dumps, try common.inspection(.list, workers, .none))
        if common.json {
          Terminal.document(try LayoutDocument.json(InferenceDocument(inferred)))
        } else {
          print(inferred)
        }
        return .complete
      }
    }

    private func print(_ inferred: InferredLayout) {
      var table = Table(["FIELD", "OUTCOME", "PLACE", "VCPUS", "EVIDENCE"], rightAligned: [3])
      let rows = inferred.rows.filter { common.verbose > 0 || $0.voters > 0 }
      for row in rows {
        let places = row.offsets.prefix(6).map { hex(UInt32($0)) }.joined(separator: " ")
        table.add([
          row.field, row.outcome, places + (row.offsets.count > 6 ? " and \(row.offsets.count - 6) more" : ""),
          "\(row.voters)", row.evidence,
        ])
      }
      Terminal.out(table.text(width: nil))
      let layout = inferred.layout
      Terminal.out(
        "\(layout.processor): \(inferred.regionCount) regions, access rights \(layout.accessRights.rawValue); "
          + inferred.summary + "\n")
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "export", abstract: "Write a layout for others: the one that a dump's regions have, or a known one.",
      discussion: "Tells of a processor, not of a guest: offsets, the revision id, and nothing of any memory. --layout "
        + "reads json back, --vmcsinfo reads v1 and note.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case v1, json, note }

    @OptionGroup var common: CommonOptions

    @Option(help: "v1: VMCSINFO as text; note: the same as an ELF note; json: all that is known.")
    var format: Format = .v1

    func run() throws {
      try runCommand(common) { workers, _ in
        let layout = try self.layout(workers)
        switch format {
        case .json: Terminal.document(try LayoutDocument.json(LayoutDocument(layout, places: true)))
        case .v1, .note:
          guard let table = layout.vmcsinfo, let note = layout.vmcsinfoNote else {
            throw ValidationError(
              "\(layout.id) has no single revision id, which VMCSINFO needs; --format json has no such need")
          }
          if format == .v1 { Terminal.document(table.text) } else { _ = Terminal.bytes(note) }
          if !table.leftOut.isEmpty, !common.quiet {
            let names = table.leftOut.joined(separator: ", ")
            Terminal.error("vmcs-split: not told by VMCSINFO: \(names); --format json has all")
          }
        }
        return .complete
      }
    }

    /// A known layout by its id, else the one of a dump's regions: a known one, and where none fits the inferred one.
    private func layout(_ workers: Workers) throws -> Layout {
      if common.dumps.count == 1, let known = LayoutCatalogue.all.first(where: { $0.id == common.dumps[0] })?.layout {
        return known
      }
      return try Inspection.layout(ofDump: common.dumps, try common.inspection(.list, workers, .none))
    }
  }
}

/// What `layout infer --json` prints.
private struct InferenceDocument: Encodable {
  let revisionIds: [String]
  let accessRights: String
  let regions: Int
  let fields: [InferredLayout.Row]

  init(_ inferred: InferredLayout) {
    revisionIds = inferred.layout.revisionIDs.map { hex($0) }
    accessRights = inferred.layout.accessRights.rawValue
    regions = inferred.regionCount
    fields = inferred.rows
  }
}
