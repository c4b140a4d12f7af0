/// A vmlinux that is proven to be of the kernel in the dump, and how far that was moved when it started (KASLR).
struct KernelFile: Sendable {
  let file: SymbolFile
  /// What the running kernel adds to the file's addresses; wraps.
  let shift: UInt64
  let log: SymbolFileLog

  /// Symbols of VMCOREINFO that must agree, at least, for a shift that VMCOREINFO does not say.
  private static let proofs = 2
  /// Bytes of `linux_banner` at most.
  private static let bannerLimit = 512

  /// - Parameters:
  ///   - info: of the dump.
  ///   - kernel: for a dump whose VMCOREINFO has no build id: then the kernel's image is looked at.
  /// - Throws: that it is another kernel's, or that nothing says that it is not.
  init(_ files: SymbolFiles, _ file: SymbolFile, _ info: VMCoreInfo, _ kernel: LinuxKernel?) throws(SymbolFileError) {
    self.file = file
    log = files.log
    // The build id first: where it is another kernel's, that is what has to be said.
    var proof = try Self.proof(of: file, by: info)
    shift = try Self.shift(file, info)
    if proof == nil { proof = try Self.proof(of: file, in: kernel, shift, info) }
    guard let proof else {
      throw .refused(
        path: file.path,
        why: "nothing in the dump says whether it is of its kernel, \(info.osrelease): there is no build id in both, "
          + "nor linux_banner; give the vmlinux as it was linked")
    }
    log.note(file, isProvenBy: proof)
  }

  /// The file's symbols where the kernel runs.
  func symbols(expecting names: Set<String>) -> FileSymbols? {
    file.symbols.map { FileSymbols($0, shift: shift, expecting: names) }
  }

  // MARK: Proof

  private static func proof(of file: SymbolFile, by info: VMCoreInfo) throws(SymbolFileError) -> String? {
    guard let own = file.buildID, let wanted = info["BUILD-ID"]?.lowercased(),
      wanted.contains(where: { $0 != "0" })
    else { return nil }
    guard own == wanted else { throw other(file, "build id \(own)", "\(wanted)", info) }
    return "build id in VMCOREINFO"
  }

  private static func other(
    _ file: SymbolFile, _ found: String, _ wanted: String, _ info: VMCoreInfo
  ) -> SymbolFileError {
    .refused(
      path: file.path,
      why: "the vmlinux of another kernel: found \(found), expected \(wanted), as the dump has; "
        + "give the vmlinux of \(info.osrelease)")
  }

  /// By what the kernel's image has where the file says.
  private static func proof(
    of file: SymbolFile, in kernel: LinuxKernel?, _ shift: UInt64, _ info: VMCoreInfo
  ) throws(SymbolFileError) -> String? {
    guard let kernel else { return nil }
    if let own = file.buildID {
      for section in file.object.noteSections where section.isLoaded && section.size <= ObjectFile.noteLimit {
        let place = VirtualAddress(rawValue: section.address &+ shift)
        guard LinuxKernel.isImageOrModule(place), let bytes = try? kernel.read(place, count: Int(section.size)),
          let wanted = SymbolFile.buildID(of: Note.parse(bytes).notes)
        else { continue }
        guard own == wanted else { throw other(file, "build id \(own)", "\(wanted)", info) }
        return "build id in the kernel's image"
      }
    }
    guard let value = file.symbols?.values(of: ["linux_banner"])["linux_banner"]?.first,
      let own = try banner(of: file, at: value.value),
      case let bytes = kernel.readable(VirtualAddress(rawValue: value.value &+ shift), upTo: bannerLimit).bytes,
      bytes.count > own.count
    else { return nil }
    let wanted = bytes.prefix { $0 != 0 }
    guard wanted == own[...] else {
      throw other(file, "'\(SymbolFile.printable(own))'", "'\(SymbolFile.printable(wanted))'", info)
    }
    return "linux_banner"
  }

  /// "Linux version …" as the file has it, `nil` where it keeps no such bytes.
  private static func banner(of file: SymbolFile, at address: UInt64) throws(SymbolFileError) -> [UInt8]? {
    for section in file.object.sections where section.isStored && section.isLoaded && section.address <= address {
      let offset = address - section.address
      guard offset < section.size else { continue }
      let count = min(section.size - offset, UInt64(bannerLimit))
      do throws(SystemError) {
        let bytes = try file.object.file.read(at: section.offset + offset, count: Int(count))
        let banner = Array(bytes.prefix { $0 != 0 })
        return banner.starts(with: "Linux version ".utf8) && banner.count < bytes.count ? banner : nil
      } catch { throw .unreadable(error) }
    }
    return nil
  }

  // MARK: Shift

  /// By KERNELOFFSET and by all symbols that VMCOREINFO has too.
  private static func shift(_ file: SymbolFile, _ info: VMCoreInfo) throws(SymbolFileError) -> UInt64 {
    let known = info.symbols.filter { LinuxKernel.isImageOrModule($0.value) }
    let found = file.symbols?.values(of: Set(known.keys)) ?? [:]
    let key = info["KERNELOFFSET"].flatMap { UInt64($0, radix: 16) }
    let shifts = found.compactMap { name, values in
      known[name].map { address in (name: name, shifts: Set(values.map { address.rawValue &- $0.value })) }
    }.sorted { $0.name < $1.name }
    guard let shift = key ?? shifts.first?.shifts.min() else { return 0 }
    for (name, all) in shifts where !all.contains(shift) {
      let moved = all.map { hex($0) }.sorted().joined(separator: " or ")
      throw .refused(
        path: file.path,
        why: "its addresses are not the running kernel's: \(name) is moved by \(moved), expected \(hex(shift)) as "
          + "\(key == nil ? shifts[0].name : "KERNELOFFSET"); give the vmlinux of \(info.osrelease)")
    }
    guard key != nil || shifts.count >= proofs else {
      throw .refused(
        path: file.path,
        why: "where the kernel was moved to is not known: VMCOREINFO has no KERNELOFFSET, and the file \(shifts.count) "
          + "of its symbols; expected \(proofs)")
    }
    return shift
  }
}
