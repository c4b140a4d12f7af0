extension DescribedKernel {
  /// Takes in the files of modules: each is held against the module that the kernel has loaded, and gives what of that
  /// the dump lacks. One whose module is not loaded is left aside.
  /// - Throws: that one is another kernel's.
  mutating func add(_ files: SymbolFiles, _ info: VMCoreInfo) throws(SymbolFileError) {
    guard !files.modules.isEmpty else { return }
    for (name, file) in files.modules { try ModuleFile.checkRelease(file, name, info) }
    let faults: [String: TypeFault]
    // Without the kernel's own types a module's mean nothing.
    do throws(TypeFault) { faults = try types.faults() } catch { return }
    let list = loadedModules()
    for name in files.modules.keys.sorted() {
      guard let file = files.modules[name] else { continue }
      let place = ((try? types.module(name)) ?? nil) ?? list?[name]
      // The list is whole, and the module is not in it.
      if place == nil, let list, list.cut == nil, list.nameless.isEmpty { continue }
      moduleFiles[name] = try ModuleFile(file, name, at: place, reader, info, files.log)
      guard let fault = faults[name], let bytes = try file.typeBytes() else { continue }
      if (try? types.fill(name, with: bytes)) != nil { files.log.note(file, gives: "types", because: "\(fault)") }
    }
  }
}
