extension Note {
  /// More bytes of notes than any host writes: a hostile size never decides an allocation.
  static let maximumBytes: UInt64 = 64 << 20
  /// More PT_NOTE segments than any producer writes.
  static let maximumSegments = 256
  /// More notes than CPUs that Linux can have (NR_CPUS is at most 8192), with room.
  static let maximumCount = 1 << 17

  /// The notes of an ELF note segment: 12-byte headers, name and descriptor padded to 4 bytes. A note that runs past the end
  /// ends the walk, and so does an all-zero header; `truncated` tells the first of these apart.
  /// Source: formats/elf.md §1.4.
  static func parse(_ bytes: [UInt8]) -> (notes: [Note], truncated: Bool) {
    var notes: [Note] = []
    var at = 0
    while at + 12 <= bytes.count, notes.count < maximumCount {
      guard let nameSize: UInt32 = bytes.load(at), let descriptorSize: UInt32 = bytes.load(at + 4),
        let type: UInt32 = bytes.load(at + 8)
      else { break }
      if nameSize == 0 && descriptorSize == 0 && type == 0 { return (notes, false) }
      let nameStart = at + 12
      let descriptorStart = nameStart + (Int(nameSize) + 3) & ~3
      let end = descriptorStart + Int(descriptorSize)
      guard end <= bytes.count else { return (notes, true) }
      let name = bytes[nameStart..<nameStart + Int(nameSize)].prefix { $0 != 0 }
      notes.append(
        Note(
          name: String(decoding: name, as: UTF8.self), type: type, descriptor: Array(bytes[descriptorStart..<end])))
      at = descriptorStart + (Int(descriptorSize) + 3) & ~3
    }
    return (notes, false)
  }
}

extension [Note] {
  /// The first VMCOREINFO note that passes the checks.
  var vmcoreinfo: VMCoreInfo? {
    lazy.filter { $0.name == "VMCOREINFO" }.compactMap { VMCoreInfo($0.descriptor) }.first
  }
}
