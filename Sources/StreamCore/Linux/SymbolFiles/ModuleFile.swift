/// A module's file that is proven to be of the module that the kernel in the dump has loaded.
struct ModuleFile: Sendable {
  let file: SymbolFile
  /// Where its sections stand, `nil` where the dump does not show it.
  let sections: ModuleSections?
  let log: SymbolFileLog

  /// The section with a module's build id, and bytes of it at most.
  private static let note = ".note.gnu.build-id"
  private static let noteBytes = 64

  /// - Parameters:
  ///   - name: of the module.
  ///   - place: its `struct module`, `nil` where it is not known.
  /// - Throws: that it is another kernel's.
  init(
    _ file: SymbolFile, _ name: String, at place: VirtualAddress?, _ reader: KernelReader, _ info: VMCoreInfo,
    _ log: SymbolFileLog
  ) throws(SymbolFileError) {
    self.file = file
    self.log = log
    let sections = place.flatMap { try? ModuleSections(of: $0, reader) }
    self.sections = sections
    // Kernels that keep the build ids of modules do so since 5.14, if built so.
    let kept = place.flatMap { try? reader.bytes("module.build_id", at: $0) }.flatMap { bytes in
      bytes.contains { $0 != 0 } ? SymbolFile.hexadecimal(bytes) : nil
    }
    let noted = sections?.places[Self.note].flatMap { place in
      SymbolFile.buildID(of: Note.parse(reader.kernel.readable(place, upTo: Self.noteBytes).bytes, limit: 1).notes)
    }
    if let own = file.buildID, let wanted = kept ?? noted {
      // Either can be damaged.
      guard own == kept || own == noted else { throw Self.other(file, name, "build id \(own)", wanted) }
      log.note(file, isProvenBy: "build id of the loaded module")
      return
    }
    let loaded = place.flatMap { try? reader.pointer("module.srcversion", at: $0) }.flatMap { pointer in
      pointer.rawValue == 0 ? nil : try? reader.text(at: pointer, limit: 64)
    }
    if let own = file.srcversion, let loaded, !loaded.isEmpty {
      guard own == loaded else {
        throw Self.other(file, name, "srcversion \(own)", SymbolFile.printable(loaded.utf8))
      }
      log.note(file, isProvenBy: "srcversion of the loaded module")
      return
    }
    guard file.vermagic != nil else {
      throw .refused(
        path: file.path,
        why: "nothing in the dump says whether it is of its module \(name): neither build id, srcversion nor vermagic; "
          + "give the module of \(info.osrelease) as it was built")
    }
    log.note(file, isProvenBy: "vermagic alone")
  }

  /// Refuses a file that says itself that it is of another kernel.
  static func checkRelease(_ file: SymbolFile, _ name: String, _ info: VMCoreInfo) throws(SymbolFileError) {
    guard let vermagic = file.vermagic, let release = vermagic.split(separator: " ").first, release != info.osrelease
    else { return }
    throw .refused(
      path: file.path,
      why: "the module \(name) of another kernel: found \(release), expected \(info.osrelease), as the dump has; "
        + "give the module of that kernel")
  }

  private static func other(_ file: SymbolFile, _ name: String, _ found: String, _ wanted: String) -> SymbolFileError {
    .refused(
      path: file.path,
      why: "another build of the module \(name): found \(found), expected \(wanted), as the dump has; "
        + "give the module of that build")
  }

  /// The values of a name where the dump's own cannot be had, or are none of the file's; `nil`: the dump's own do.
  func filling(_ own: Result<[SymbolValue]?, KernelSymbolFault>, of name: String) -> [SymbolValue]? {
    guard let others = values(of: [name])[name] else { return nil }
    switch own {
    // The module is not loaded, or has what the file has, if not all of it.
    case .success(let values) where values.map { !Set($0).isDisjoint(with: others) } ?? true: return nil
    case .success: log.note(file, gives: "symbols", because: "the module has another \(name)")
    case .failure(let why): log.note(file, gives: "symbols", because: "\(why)")
    }
    return others
  }

  /// The values of the names that the file has and whose sections are known.
  func values(of wanted: Set<String>) -> [String: [SymbolValue]] {
    guard let sections, let symbols = file.symbols else { return [:] }
    let all = file.object.sections
    return symbols.values(of: wanted).compactMapValues { values in
      var found: [SymbolValue] = []
      for value in values {
        guard value.section < all.count, value.value <= all[value.section].size,
          // Each CPU has its own.
          !all[value.section].name.hasSuffix("percpu"), let start = sections.places[all[value.section].name]
        else { continue }
        let place = SymbolValue.address(start &+ value.value)
        if !found.contains(place) { found.append(place) }
      }
      return found.isEmpty ? nil : found
    }
  }
}
