/// A format that is known and not read, and what to do instead. Source: Documentation/elf.md §5.
struct ForeignFormat: Sendable {
  let name: String
  let magic: [UInt8]
  let position: MagicPosition
  let remedy: String

  /// Where the magic stands, in bytes.
  enum MagicPosition: Sendable {
    case start(UInt64)
    case end(UInt64)
  }

  private init(_ name: String, _ magic: [UInt8], at position: MagicPosition = .start(0), _ remedy: String) {
    self.name = name
    self.magic = magic
    self.position = position
    self.remedy = remedy
  }

  private init(_ name: String, _ magic: String, _ remedy: String) {
    self.init(name, Array(magic.utf8), remedy)
  }

  func matches(_ input: DumpInput) throws(HostDumpError) -> Bool {
    let offset: UInt64
    switch position {
    case .start(let bytes): offset = bytes
    case .end(let bytes) where bytes <= input.file.size: offset = input.file.size - bytes
    case .end: return false
    }
    return try input.header(at: offset, count: magic.count) == magic
  }

  private static let capture = "capture with kdump"
  private static let avml =
    "convert it with: avml-convert --source-format lime_compressed --format raw, then to an ELF core"
  private static let xen = "Xen hosts are not supported"
  private static let vmware = "convert it with: vmss2core -N6"
  private static let libvirt = "make a dump of it with: virsh dump --memory-only"
  private static let linux = "only Linux hosts run KVM"
  private static let unpack = "unpack it first, and give the dump that is in it"
  private static let disk = "this is a disk, give the host's crash dump"

  /// The longer magics before those that two bytes can mimic.
  static let all: [ForeignFormat] = [
    ForeignFormat("a dump of the old diskdump facility", "DISKDUMP", "it predates hosts with KVM"),
    ForeignFormat("an AVML memory image", "AVML", avml),
    // Of a crashed machine, of s390, of a running system.
    ForeignFormat("an LKCD dump", [0xed, 0x23, 0x8f, 0x61, 0x73, 0x01, 0x19, 0xa8], capture),
    ForeignFormat("an LKCD dump", [0xfd, 0x23, 0x8f, 0x61, 0x73, 0x01, 0x19, 0xa8], capture),
    ForeignFormat("an LKCD dump", [0xcd, 0x23, 0x8f, 0x61, 0x73, 0x01, 0x19, 0xa8], capture),
    ForeignFormat("a Xen core", [0xed, 0xeb, 0x0f, 0xf0], xen),
    ForeignFormat("a Xen core", [0xee, 0xeb, 0x0f, 0xf0], xen),
    ForeignFormat("a VMware snapshot", [0xd2, 0xbe, 0xd2, 0xbe], vmware),
    ForeignFormat("a VMware snapshot", [0xd0, 0xbe, 0xd0, 0xbe], vmware),
    ForeignFormat("a VMware snapshot", [0xd3, 0xbe, 0xd3, 0xbe], vmware),
    ForeignFormat("a VMware snapshot", [0xd1, 0xba, 0xd1, 0xba], vmware),
    ForeignFormat("a VMware snapshot", [0xd2, 0xba, 0xd2, 0xba], vmware),
    ForeignFormat("a QEMU migration stream", "QEVM", "use QEMU's dump-guest-memory instead"),
    ForeignFormat("a libvirt save file", "LibvirtQemudSave", libvirt),
    ForeignFormat("an unfinished libvirt save file", "LibvirtQemudPart", libvirt),
    ForeignFormat("a Windows crash dump", "PAGEDU64", linux),
    ForeignFormat("a Windows crash dump", "PAGEDUMP", linux),
    ForeignFormat("a Hyper-V saved state", [0x14, 0x20, 0x28, 0x01], "Hyper-V hosts are not supported"),
    ForeignFormat("a qcow2 disk image", Array("QFI".utf8) + [0xfb], disk),
    ForeignFormat("a VMDK disk image", "KDMV", disk),
    ForeignFormat("a VHDX disk image", "vhdxfile", disk),
    ForeignFormat("a tar archive", Array("ustar".utf8), at: .start(257), unpack),
    ForeignFormat("a 7z archive", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], unpack),
    ForeignFormat("a RAR archive", [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], unpack),
    ForeignFormat("lzop data", [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a], unpack),
    ForeignFormat("lzip data", "LZIP", unpack),
    ForeignFormat("a zip archive", [0x50, 0x4b, 0x03, 0x04], unpack),
    ForeignFormat("a cpio archive", "07070", unpack),
    ForeignFormat("xz data", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], unpack),
    ForeignFormat("zstd data", [0x28, 0xb5, 0x2f, 0xfd], unpack),
    ForeignFormat("lz4 data", [0x04, 0x22, 0x4d, 0x18], unpack),
    ForeignFormat("bzip2 data", "BZh", unpack),
    ForeignFormat("gzip data", [0x1f, 0x8b], unpack),
    ForeignFormat("compress data (.Z)", [0x1f, 0x9d], unpack),
    ForeignFormat(
      "a map file of crash", [0xef, 0xbe, 0xad, 0xde, 0xbe, 0xba, 0xed, 0xfe], at: .end(8),
      "give the host's crash dump"),
  ]
}
