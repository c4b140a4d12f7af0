import ArgumentParser
import StreamCore

struct LayoutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "layout", abstract: "VMCS layouts: those that are known, and that of a dump's host.",
    subcommands: [List.self, Show.self, Infer.self, Export.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "All layouts of the catalogue, one a line.")

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() throws {
      let layouts = LayoutCatalogue.all.compactMap(\.layout)
      if json { return Terminal.document(try LayoutDocument.json(layouts.map { LayoutDocument($0, places: false) })) }
      var table = Table(["LAYOUT", "REVISION", "FIELDS", "ACCESS RIGHTS", "PROCESSOR"], rightAligned: [2])
      for layout in layouts {
        table.add([
          layout.id, layout.revisionIDs.map { hex($0) }.joined(separator: " "), "\(layout.fields.count)",
          layout.accessRights.rawValue, layout.processor,
        ])
      }
      Terminal.out(table.text(width: Terminal.outputWidth))
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "One layout, field by field, in the form that --layout reads.")

    @Argument(help: "The layout's id, as 'layout list' prints it.")
    var id: String

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() throws {
      let layouts = LayoutCatalogue.all.compactMap(\.layout)
      guard let layout = layouts.first(where: { $0.id == id }) else {
        throw report(Failure.noSuchLayout(wanted: id, known: layouts.map(\.id)))
      }
      if json { return Terminal.document(try LayoutDocument.json(LayoutDocument(layout, places: true))) }
      Terminal.out(layout.text)
    }
  }
}
