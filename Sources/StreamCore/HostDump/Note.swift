/// A note of an ELF note segment. Source: elf(5), Elf64_Nhdr.
struct Note: Sendable, Equatable {
  var name: String
  var type: UInt32
  var descriptor: [UInt8]
}

extension Note {
  /// More bytes of notes than any host writes: a hostile size never decides an allocation.
  static let maximumBytes: UInt64 = 64 << 20
  /// More PT_NOTE segments than any producer writes.
  static let maximumSegments = 256
  /// More notes than CPUs that Linux can have (NR_CPUS is at most 8192), with room.
  static let maximumCount = 1 << 16
  /// Bytes of an x86_64 NT_PRSTATUS. Source: Documentation/elf.md §1.4.
  private static let processStatusSize = 336

  /// The notes of an ELF note segment: 12-byte headers, name and descriptor padded to 4 bytes. A note that runs past
  /// the end ends the walk, and so do an all-zero header and the `limit`; `remark` says so for the first and the last
  /// of these. Source: Documentation/elf.md §1.4.
  static func parse(_ bytes: [UInt8], limit: Int = maximumCount) -> (notes: [Note], remark: Remark?) {
    var notes: [Note] = []
    var at = 0
    while at <= bytes.count - 12 {
      guard let nameSize: UInt32 = bytes.load(at), let descriptorSize: UInt32 = bytes.load(at + 4),
        let type: UInt32 = bytes.load(at + 8)
      else { break }
      if nameSize == 0 && descriptorSize == 0 && type == 0 { break }
      guard notes.count < limit else { return (notes, .damage("more than \(maximumCount) notes: the rest is ignored")) }
      let nameStart = at + 12
      let descriptorStart = nameStart + (Int(nameSize) + 3) & ~3
      let end = descriptorStart + Int(descriptorSize)
      guard end <= bytes.count else {
        return (notes, .damage("a note runs past the end of the notes: it and those behind it are ignored"))
      }
      let name = bytes[nameStart..<nameStart + Int(nameSize)].prefix { $0 != 0 }
      notes.append(
        Note(
          name: String(decoding: name, as: UTF8.self), type: type, descriptor: Array(bytes[descriptorStart..<end])))
      at = descriptorStart + (Int(descriptorSize) + 3) & ~3
    }
    return (notes, nil)
  }

  private var isOddProcessStatus: Bool {
    name == "CORE" && type == 1 && descriptor.count != Self.processStatusSize
  }

  fileprivate static func remarks(on notes: [Note]) -> [Remark] {
    var remarks: [Remark] = []
    let odd = notes.filter(\.isOddProcessStatus).count
    if odd > 0 { remarks.append(.oddity("\(odd) NT_PRSTATUS notes are not of \(processStatusSize) bytes: ignored")) }
    let texts = notes.filter { $0.name == "VMCOREINFO" }
    if texts.count > 1 {
      let which =
        notes.vmcoreinfo?.isOfCrash ?? false
        ? "the one that the kernel which crashed wrote" : "the first that is VMCOREINFO"
      remarks.append(.oddity("\(texts.count) VMCOREINFO notes: \(which) counts"))
    } else if let only = texts.first, VMCoreInfo(only.descriptor) == nil {
      remarks.append(.damage("the VMCOREINFO note is not VMCOREINFO: ignored"))
    }
    return remarks
  }
}

extension [Note] {
  /// Of the VMCOREINFO notes that pass the checks the one of a crash, else the first: a kernel that was left by kexec
  /// may have left its note, too.
  var vmcoreinfo: VMCoreInfo? {
    let texts = filter { $0.name == "VMCOREINFO" }.compactMap { VMCoreInfo($0.descriptor) }
    return texts.first(where: \.isOfCrash) ?? texts.first
  }

  /// What is odd about the notes that are read for something.
  var remarks: [Remark] { Note.remarks(on: self) }
}
