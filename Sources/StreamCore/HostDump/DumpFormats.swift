/// The formats that are read, by their magic. A format is added by a file and a line here.
private let formats: [(magic: [UInt8], open: @Sendable (InputFile) throws(HostDumpError) -> any HostDump)] = [
  (KdumpHeader.magic, { file throws(HostDumpError) in try KdumpDump(file) }),
  (ElfHeader.magic, { file throws(HostDumpError) in try ElfDump(file) }),
]

/// What is known but not read, and what to do instead. Source: formats/elf.md §5.
private struct ForeignFormat {
  let name: String
  let magic: [UInt8]
  let remedy: String
}

private func text(_ string: String) -> [UInt8] { Array(string.utf8) }

private let savedByLibvirt = "make a dump of it with: virsh dump --memory-only"
private let unpack = "decompress it first"
private let diskImage = "this is a disk, give the host's crash dump"
private let foreignFormats: [ForeignFormat] = [
  ForeignFormat(
    name: "a flattened dump (makedumpfile -F)", magic: text("makedumpfile") + [0, 0, 0, 0],
    remedy: "convert it with: makedumpfile -R OUTPUT < INPUT"),
  ForeignFormat(
    name: "a dump of the old diskdump facility", magic: text("DISKDUMP"), remedy: "it predates hosts with KVM"),
  ForeignFormat(
    name: "a LiME memory image", magic: text("EMiL"), remedy: "capture with kdump, or convert it to an ELF core"),
  ForeignFormat(
    name: "an AVML memory image", magic: text("AVML"),
    remedy: "convert it with: avml-convert --source-format lime_compressed --format raw, then to an ELF core"),
  ForeignFormat(
    name: "an LKCD dump", magic: [0xed, 0x23, 0x8f, 0x61, 0x73, 0x01, 0x19, 0xa8], remedy: "capture with kdump"),
  ForeignFormat(
    name: "a sadump dump", magic: text("sadump") + [0, 0], remedy: "convert it with: makedumpfile -d 1 INPUT OUTPUT"),
  ForeignFormat(name: "a Xen core", magic: [0xed, 0xeb, 0x0f, 0xf0], remedy: "Xen hosts are not supported"),
  ForeignFormat(name: "a Xen core", magic: [0xee, 0xeb, 0x0f, 0xf0], remedy: "Xen hosts are not supported"),
  ForeignFormat(
    name: "a VMware snapshot", magic: [0xd2, 0xbe, 0xd2, 0xbe], remedy: "convert it with: vmss2core -N6"),
  ForeignFormat(
    name: "a QEMU migration stream", magic: text("QEVM"), remedy: "use QEMU's dump-guest-memory instead"),
  ForeignFormat(name: "a libvirt save file", magic: text("LibvirtQemudSave"), remedy: savedByLibvirt),
  ForeignFormat(name: "an unfinished libvirt save file", magic: text("LibvirtQemudPart"), remedy: savedByLibvirt),
  ForeignFormat(name: "a Windows crash dump", magic: text("PAGEDU64"), remedy: "only Linux hosts run KVM"),
  ForeignFormat(name: "a Windows crash dump", magic: text("PAGEDUMP"), remedy: "only Linux hosts run KVM"),
  ForeignFormat(name: "gzip data", magic: [0x1f, 0x8b], remedy: unpack),
  ForeignFormat(name: "xz data", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], remedy: unpack),
  ForeignFormat(name: "zstd data", magic: [0x28, 0xb5, 0x2f, 0xfd], remedy: unpack),
  ForeignFormat(name: "bzip2 data", magic: text("BZh"), remedy: unpack),
  ForeignFormat(name: "lz4 data", magic: [0x04, 0x22, 0x4d, 0x18], remedy: unpack),
  ForeignFormat(name: "a qcow2 disk image", magic: text("QFI") + [0xfb], remedy: diskImage),
  ForeignFormat(name: "a VMDK disk image", magic: text("KDMV"), remedy: diskImage),
  ForeignFormat(name: "a VHDX disk image", magic: text("vhdxfile"), remedy: diskImage),
]

/// Opens a host dump, whatever its format, by content.
/// - Throws: `.system` when the file cannot be opened or read, `.unsupported` for what is known but not read, `.unknown` for
///   the rest, `.format` when it is of a format that is read and a header field cannot be right.
public func openHostDump(path: String) throws(HostDumpError) -> any HostDump {
  let file: InputFile
  do throws(SystemError) { file = try InputFile(path: path) } catch { throw .system(error) }
  let head = try file.header(at: 0, count: 64)
  for format in formats where head.starts(with: format.magic) { return try format.open(file) }
  for format in foreignFormats where head.starts(with: format.magic) {
    throw .unsupported(file: path, format: format.name, remedy: format.remedy)
  }
  let found = head.isEmpty ? "an empty file" : head.prefix(8).map { hexByte($0) }.joined(separator: " ")
  throw .unknown(file: path, found: found)
}

private func hexByte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
