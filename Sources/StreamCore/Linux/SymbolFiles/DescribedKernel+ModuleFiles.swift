extension DescribedKernel {
  /// Takes in the files of modules: each is held against the module that the kernel has loaded, and gives what of that
  /// the dump lacks. One whose module is not loaded is left aside.
  /// - Throws: that one is another kernel's.
  mutating func add(_ files: SymbolFiles, _ info: VMCoreInfo) throws(SymbolFileError) {
    guard !files.modules.isEmpty else { return }
    for (name, file) in files.modules { try ModuleFile.checkRelease(file, name, info) }
    let faults: [String: TypeFault]
    do throws(TypeFault) { faults = try types.faults() } catch {
      for file in files.modules.values {
        files.log.note(file, isLeftAsideFor: "a module's types mean nothing without those of the kernel: \(error)")
      }
      return
    }
    let list = loadedModules()
    for name in files.modules.keys.sorted() {
      guard let file = files.modules[name] else { continue }
      let place = ((try? types.module(name)) ?? nil) ?? list?[name]
      // The list is whole, and the module is not in it.
      if place == nil, let list, list.cut == nil, list.nameless.isEmpty {
        files.log.note(file, isLeftAsideFor: "its module is not loaded")
        continue
      }
      moduleFiles[name] = try ModuleFile(file, name, at: place, reader, info, files.log)
      guard !types.hasTypes(of: name), let bytes = try file.typeBytes(), (try? types.fill(name, with: bytes)) != nil
      else { continue }
      files.log.note(file, gives: "types", because: "\(faults[name] ?? .noModule(name, cut: nil))")
    }
  }
}
