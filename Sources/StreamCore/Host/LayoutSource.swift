/// Where layouts come from. The first that leads to regions with host evidence wins (Documentation/design.md §3.4).
enum LayoutSource: Sendable {
  case layoutFile(Layout)
  case vmcsinfoFile(Layout)
  /// A VMCSINFO note in the dump.
  case vmcsinfoNote(Layout)
  case catalogue

  /// As the manifest has it.
  var name: String {
    switch self {
    case .layoutFile: "layout-file"
    case .vmcsinfoFile: "vmcsinfo-file"
    case .vmcsinfoNote: "vmcsinfo"
    case .catalogue: "catalogue"
    }
  }

  /// For people.
  var title: String {
    switch self {
    case .layoutFile(let layout): "the layout \(layout.id) given with --layout"
    case .vmcsinfoFile: "the layout given with --vmcsinfo"
    case .vmcsinfoNote: "the layout of the dump's VMCSINFO note"
    case .catalogue: "the catalogue"
    }
  }

  /// The one layout that was given, by the user or with the dump.
  var given: Layout? {
    switch self {
    case .layoutFile(let layout), .vmcsinfoFile(let layout), .vmcsinfoNote(let layout): layout
    case .catalogue: nil
    }
  }

  /// Nobody gave it.
  var isCatalogue: Bool { if case .catalogue = self { true } else { false } }

  /// Ids by which a page can be a region of one of its layouts, each with the bits of bytes 8 to 15 that are 0 then.
  var heads: [UInt32: UInt64] {
    switch self {
    case .layoutFile(let layout), .vmcsinfoFile(let layout), .vmcsinfoNote(let layout):
      Dictionary(layout.revisionIDs.map { ($0, 0) }, uniquingKeysWith: &)
    case .catalogue: LayoutCatalogue.heads
    }
  }

  /// The layouts to judge pages by, where pages with these ids were seen.
  func layouts(seen revisions: [UInt32: UInt64]) -> [Layout] {
    switch self {
    case .layoutFile(let layout), .vmcsinfoFile(let layout), .vmcsinfoNote(let layout): [layout]
    case .catalogue:
      LayoutCatalogue.all.filter { entry in
        entry.revisionIDs.contains { revisions[$0, default: 0] > 0 }
      }.compactMap(\.layout)
    }
  }
}

/// All sources of layouts for one dump, in the order in which they are tried. Source: Documentation/design.md §3.4.
struct LayoutSources: Sendable {
  var list: [LayoutSource] = []
  /// What is to be said of VMCSINFOs.
  var remarks: [String] = []

  /// - Parameters:
  ///   - layout: given by the user.
  ///   - vmcsinfo: given by the user.
  init(of dump: any HostDump, layout: Layout?, vmcsinfo: VMCSInfo?) {
    let note = VMCSInfo.note(in: dump.notes)
    remarks = note.remarks + (note.info?.remarks ?? []) + (vmcsinfo?.remarks ?? [])
    if let layout { list.append(.layoutFile(layout)) }
    if let vmcsinfo { list.append(.vmcsinfoFile(vmcsinfo.layout)) }
    if let info = note.info { list.append(.vmcsinfoNote(info.layout)) }
    list.append(.catalogue)
  }

  /// Ids by which a page can be a region of one of them, each with the bits of bytes 8 to 15 that are 0 then.
  var heads: [UInt32: UInt64] { list.reduce(into: [:]) { $0.merge($1.heads, uniquingKeysWith: &) } }
}
