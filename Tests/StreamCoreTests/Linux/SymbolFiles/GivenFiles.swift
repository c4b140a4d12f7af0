import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Files as `--symbols` gets them, written for a test.
struct GivenFiles {
  let directory: RecipeDirectory
  private(set) var paths: [String] = []

  init() throws { directory = try RecipeDirectory() }

  /// The vmlinux of a host, kvm and kvm_intel.
  init(of host: BuiltHost) throws {
    try self.init()
    try add(host.vmlinux, as: "vmlinux")
    for name in ["kvm", "kvm_intel"] where !host.spec.isKVMBuiltIn { try add(host.moduleFile(name), as: "\(name).ko") }
  }

  mutating func add(_ file: ElfObject?, as name: String) throws { try add(bytes: #require(file).bytes, as: name) }

  mutating func add(bytes: [UInt8], as name: String) throws { paths.append(try directory.write(bytes, as: name)) }

  func open(mapped: Bool = true) throws(SymbolFileError) -> SymbolFiles {
    try SymbolFiles(paths: paths, mapped: mapped)
  }

  /// Why the files are refused: the first's name, and the text; empty when they are not.
  func refusal() -> String {
    do throws(SymbolFileError) { _ = try open() } catch { return Self.text(error) }
    return ""
  }

  /// Why a host refuses them.
  func refusal(by host: BuiltHost) throws -> String {
    let dump = try openHostDump(path: directory.write(host.kdump(.raw), as: "host.dump"))
    do throws(SymbolFileError) {
      _ = try HostWord(dump.vmcoreinfo, HostMemory(dump), .init(files: try open()))
    } catch { return Self.text(error) }
    return ""
  }

  private static func text(_ error: SymbolFileError) -> String {
    switch error {
    case .unreadable(let error): "\(error)"
    case .refused(let path, let why): "\(path.split(separator: "/").last ?? ""): \(why)"
    }
  }
}
