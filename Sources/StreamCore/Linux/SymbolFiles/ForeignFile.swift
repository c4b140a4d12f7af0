/// Files that are given in place of a vmlinux or a module, and what to do about each.
enum ForeignFile {
  /// How compressed files begin, and the program that unpacks each. Source: the formats' own descriptions.
  private static let packers: [(magic: [UInt8], name: String, command: String)] = [
    ([0x1f, 0x8b], "gzip", "gzip -dk"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz", "xz -dk"),
    ([0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstd -d"), (Array("BZh".utf8), "bzip2", "bzip2 -dk"),
    ([0x04, 0x22, 0x4d, 0x18], "lz4", "lz4 -d"),
  ]

  /// Why a file is none that has symbols; `nil` for an ELF file.
  /// - Parameter header: its first 64 bytes.
  static func refusal(of file: InputFile, _ header: [UInt8]) -> String? {
    if header.starts(with: [0x7f, 0x45, 0x4c, 0x46]) { return nil }
    let path = file.path
    for packer in packers where header.starts(with: packer.magic) {
      return "compressed with \(packer.name); expected an ELF file, unpack it with: \(packer.command) \(path)"
    }
    // The setup header of a bzImage. Source: Documentation/arch/x86/boot.rst.
    if (try? file.read(at: 0x202, count: 4)) == Array("HdrS".utf8) {
      return "a compressed kernel (bzImage, vmlinuz); expected the vmlinux that it was made of, which has symbols, "
        + "or at least: scripts/extract-vmlinux \(path) > vmlinux"
    }
    if header.starts(with: [0x9f, 0xeb]) {
      return "BTF alone, and nothing in it says of which kernel; expected a vmlinux that has it as .BTF, "
        + "which its build id proves"
    }
    if header.starts(with: "!<arch>".utf8) || header.starts(with: [0xed, 0xab, 0xee, 0xdb]) {
      return "a package or an archive; expected an ELF file, take the vmlinux or the modules out of it "
        + "(dpkg-deb -x, rpm2cpio)"
    }
    if header.starts(with: "KDUMP".utf8) {
      return "a dump, which has no symbols; expected the vmlinux or a module of the host's kernel"
    }
    if header.isEmpty { return "empty; expected the vmlinux or a module of the host's kernel" }
    let bytes = header.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    return "no ELF file, it begins with \(bytes); expected the vmlinux or a module of the host's kernel"
  }
}
