/// The files that were given to fill what a dump lacks: one of the kernel, one of each module.
public struct SymbolFiles: Sendable {
  let kernel: SymbolFile?
  let modules: [String: SymbolFile]
  /// What became of them.
  let log = SymbolFileLog()

  static let none = SymbolFiles()

  private init() {
    kernel = nil
    modules = [:]
  }

  /// Opens the files. Which kernel they are of is proven when a dump is there.
  /// - Parameter mapped: map them where that is possible.
  public init(paths: [String], mapped: Bool = true) throws(SymbolFileError) {
    var kernel: SymbolFile?
    var modules: [String: SymbolFile] = [:]
    for (index, path) in paths.enumerated() {
      guard !paths[..<index].contains(path) else { throw .refused(path: path, why: "given twice; give it once") }
      let opened: InputFile
      do throws(SystemError) { opened = try InputFile(path: path, mapped: mapped) } catch { throw .unreadable(error) }
      let file = try SymbolFile(ObjectFile(opened))
      switch file.kind {
      case .kernel:
        if let kernel { throw .refused(path: path, why: "a second vmlinux beside \(kernel.path); give one") }
        kernel = file
      case .module(let name):
        if let other = modules[name] {
          throw .refused(path: path, why: "a second file of the module \(name) beside \(other.path); give one")
        }
        modules[name] = file
      }
    }
    self.kernel = kernel
    self.modules = modules
  }

  /// In the order of their names.
  var all: [SymbolFile] { (kernel.map { [$0] } ?? []) + modules.keys.sorted().compactMap { modules[$0] } }

  /// For whoever ends a step of the work.
  var sources: [ByteSource] { all.map { ByteSource($0.object.file) } }
}
