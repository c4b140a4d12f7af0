/// A file that tells of the host's kernel or of one of its modules what the dump may lack: a vmlinux or a module as it
/// was linked, or what of it was put aside for debuggers. What it says counts only once it is proven to be of the kernel
/// in the dump. Source: Documentation/kvm.md §10.
struct SymbolFile: Sendable {
  enum Kind: Sendable, Equatable {
    case kernel
    /// By its name as the kernel has it: `kvm_intel`.
    case module(String)
  }

  let object: ObjectFile
  let kind: Kind
  /// By its note NT_GNU_BUILD_ID, as hexadecimal digits.
  let buildID: String?
  /// `vermagic` and `srcversion` of a module.
  let vermagic: String?
  let srcversion: String?
  let symbols: ObjectSymbols?

  var path: String { object.file.path }
  /// The last component, for the manifest.
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Bytes of a module's `.modinfo` at most.
  private static let infoLimit: UInt64 = 1 << 20
  /// Sections that a kernel has and no program: any of them. Source: include/asm-generic/vmlinux.lds.h.
  private static let kernelSections = ["__ksymtab", ".init.text", ".data..percpu", "__ex_table", ".vvar"]

  init(_ object: ObjectFile) throws(SymbolFileError) {
    self.object = object
    symbols = ObjectSymbols(object)
    buildID = Self.buildID(of: try object.notes())
    let info = try object[".modinfo"].flatMap { section throws(SymbolFileError) in
      try object.bytes(of: section, limit: Self.infoLimit)
    }
    let words = Self.words(of: info ?? [])
    guard object.form == .relocatable else {
      guard Self.isKernel(object, symbols) else {
        throw .refused(
          path: object.file.path, why: "a program or library; expected the vmlinux or a module of the host's kernel")
      }
      kind = .kernel
      vermagic = nil
      srcversion = nil
      return
    }
    guard object[".gnu.linkonce.this_module"] != nil, let name = words["name"] ?? Self.name(of: object.file.path),
      name.utf8.count < ModuleTypeOffsets.nameBytes
    else {
      throw .refused(
        path: object.file.path, why: "an object file that is no kernel module; expected kvm.ko or kvm-intel.ko as built"
      )
    }
    kind = .module(name)
    vermagic = words["vermagic"]
    srcversion = words["srcversion"]
  }

  /// The build id among notes, as hexadecimal digits. Source: NT_GNU_BUILD_ID, include/uapi/linux/elf.h.
  static func buildID(of notes: [Note]) -> String? {
    guard let id = notes.first(where: { $0.name == "GNU" && $0.type == 3 })?.descriptor, (4...64).contains(id.count)
    else { return nil }
    return Self.hexadecimal(id)
  }

  /// The printable ASCII of bytes that go into a message.
  static func printable(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.prefix(160).filter { (0x20...0x7e).contains($0) }, as: UTF8.self)
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The section with the types, `nil` where it has none that can be read.
  var types: ObjectFile.Section? {
    guard let section = object[".BTF"], section.isStored, section.size <= UInt64(BTFHeader.byteLimit) else {
      return nil
    }
    // A module built outside of the kernel's tree numbers its types by a base of its own.
    return object[".BTF.base"] == nil ? section : nil
  }

  /// The bytes of its types, whole.
  func typeBytes() throws(SymbolFileError) -> [UInt8]? {
    try types.flatMap { section throws(SymbolFileError) in
      try object.bytes(of: section, limit: UInt64(BTFHeader.byteLimit))
    }
  }

  /// What to do for types that a file lacks.
  var typesRemedy: String {
    if object[".BTF.base"] != nil { return "\(path) was built outside of the kernel's tree (.BTF.base): not read" }
    let command = kind == .kernel ? "pahole -J \(path)" : "pahole -J --btf_base VMLINUX \(path)"
    return object[".debug_info"] == nil
      ? "\(path) has no types (.BTF); give the file of the kernel's debug package"
      : "\(path) has no types (.BTF), only debug information, from which they are made by: \(command)"
  }

  private static func isKernel(_ object: ObjectFile, _ symbols: ObjectSymbols?) -> Bool {
    if object.sections.contains(where: { kernelSections.contains($0.name) }) { return true }
    return !(symbols?.values(of: ["_stext", "linux_banner"]) ?? [:]).isEmpty
  }

  /// `KEY=VALUE` words with a NUL behind each. Source: include/linux/moduleparam.h, MODULE_INFO.
  private static func words(of info: [UInt8]) -> [String: String] {
    var words: [String: String] = [:]
    for key in ["name", "vermagic", "srcversion"] {
      let start = Array(key.utf8) + [UInt8(ascii: "=")]
      guard let word = info.split(separator: 0).first(where: { $0.starts(with: start) }), word.count < 256 else {
        continue
      }
      words[key] = printable(word.dropFirst(start.count))
    }
    return words
  }

  /// `kvm_intel` of `kvm-intel.ko.debug`.
  private static func name(of path: String) -> String? {
    guard let last = path.split(separator: "/").last, let end = last.utf8.firstRange(of: ".ko".utf8)?.lowerBound
    else { return nil }
    let name = String(last[..<end]).split(separator: "-").joined(separator: "_")
    return name.isEmpty ? nil : name
  }
}
