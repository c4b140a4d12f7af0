import HostRecipes

/// Small readers written apart from the writers, for the builder's own tests: what a file says goes back to pages, what
/// tables say goes back to addresses.
enum RecipeReaders {
  static func le(_ bytes: [UInt8], _ at: Int, _ width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 | UInt64(bytes[at + $1]) << (8 * UInt64($1)) }
  }

  /// Pages of a kdump-compressed file by frame, and the bits that its first bitmap has.
  static func kdump(_ bytes: [UInt8]) -> (pages: [UInt64: [UInt8]], known: Set<UInt64>, targets: [UInt64: UInt64]) {
    let subBlocks = Int(le(bytes, 432, 4))
    let half = Int(le(bytes, 436, 4)) / 2 * 4096
    let maximum = le(bytes, 8, 4) >= 6 ? le(bytes, 4096 + 96, 8) : le(bytes, 440, 4)
    let isPart = le(bytes, 4096 + 12, 4) == 1
    let range = isPart ? le(bytes, 4096 + 80, 8)..<le(bytes, 4096 + 88, 8) : 0..<maximum
    let first = (1 + subBlocks) * 4096
    var descriptor = first + 2 * half
    var pages: [UInt64: [UInt8]] = [:]
    var known: Set<UInt64> = []
    var targets: [UInt64: UInt64] = [:]
    for group in 0..<Int(maximum + 7) / 8 where bytes[first + group] != 0 {
      for bit in 0..<8 where bytes[first + group] >> bit & 1 == 1 {
        let frame = UInt64(group * 8 + bit)
        known.insert(frame)
        guard bytes[first + half + group] >> bit & 1 == 1 && range.contains(frame) else { continue }
        let offset = Int(le(bytes, descriptor, 8))
        let size = Int(le(bytes, descriptor + 8, 4))
        let codec = RecipeCodec(rawValue: UInt32(le(bytes, descriptor + 12, 4))) ?? .mixed
        targets[frame] = UInt64(offset)
        pages[frame] = RecipeBytes.expand(Array(bytes[offset..<offset + size]), codec)
        descriptor += 24
      }
    }
    return (pages, known, targets)
  }

  struct Load: Equatable {
    var offset: UInt64
    var virtual: UInt64
    var physical: UInt64
    var stored: UInt64
    var size: UInt64
  }

  /// The PT_LOADs and the notes of an ELF file.
  static func elf(_ bytes: [UInt8]) -> (loads: [Load], notes: [UInt8]) {
    let table = Int(le(bytes, 32, 8))
    var count = Int(le(bytes, 56, 2))
    if count == 0xffff { count = Int(le(bytes, Int(le(bytes, 40, 8)) + 44, 4)) }
    var loads: [Load] = []
    var notes: [UInt8] = []
    for index in 0..<count {
      let at = table + index * 56
      let words = (1..<6).map { le(bytes, at + $0 * 8, 8) }
      if le(bytes, at, 4) == 4 { notes = Array(bytes[Int(words[0])..<Int(words[0] + words[3])]) }
      if le(bytes, at, 4) == 1 {
        loads.append(
          Load(offset: words[0], virtual: words[1], physical: words[2], stored: words[3], size: words[4]))
      }
    }
    return (loads, notes)
  }

  /// Descriptors of the notes of this name.
  static func notes(_ bytes: [UInt8], named name: String) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var at = 0
    while at + 12 <= bytes.count {
      let nameSize = Int(le(bytes, at, 4))
      let size = Int(le(bytes, at + 4, 4))
      let body = at + 12 + (nameSize + 3) & ~3
      if Array(bytes[at + 12..<at + 12 + nameSize]) == Array(name.utf8) + [0] {
        found.append(Array(bytes[body..<body + size]))
      }
      at = body + (size + 3) & ~3
    }
    return found
  }

  /// KEY=VALUE lines.
  static func keys(_ text: [UInt8]) -> [String: String] {
    var keys: [String: String] = [:]
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { keys[String(parts[0])] = String(parts[1]) }
    }
    return keys
  }

  /// Walks x86-64 page tables or EPT; `load` reads 8 bytes of the memory that the tables lie in. `nil`: not mapped.
  static func walk(
    _ address: UInt64, root: UInt64, levels: Int, present: UInt64, _ load: (UInt64) -> UInt64?
  ) -> (address: UInt64, entry: UInt64)? {
    var table = root
    for level in (1...levels).reversed() {
      let shift = UInt64(12 + 9 * (level - 1))
      guard let entry = load(table + (address >> shift) % 512 * 8), entry & present != 0 else { return nil }
      // EPT: write without read is KVM's MMIO marker.
      if present == 7 && entry & 3 == 2 { return nil }
      let next = entry & 0x000f_ffff_ffff_f000
      if level == 1 || entry & 0x80 != 0 && level < 4 {
        let inside = (UInt64(1) << shift) - 1
        return (next & ~inside | address & inside, entry)
      }
      table = next
    }
    return nil
  }
}

extension BuiltHost {
  /// Where a kernel or user address of the host lies, by tables that start at `root`.
  func translate(_ address: UInt64, root: UInt64) -> UInt64? {
    let levels = spec.isLA57 ? 5 : 4
    return RecipeReaders.walk(address, root: root, levels: levels, present: 1) { memory.load($0) }?.address
  }
}

extension BuiltGuest {
  /// The host address behind a guest-physical one, by EPT alone, and the leaf.
  func leaf(_ gpa: UInt64) -> (address: UInt64, entry: UInt64)? {
    let root = eptPointer & 0x000f_ffff_ffff_f000
    let levels = Int(eptPointer >> 3 & 7) + 1
    return RecipeReaders.walk(gpa, root: root, levels: levels, present: 7) { memory.load($0) }
  }

  /// The guest-physical address behind a guest-virtual one, by the tables in the guest's own memory.
  func translate(_ address: UInt64, cr3: UInt64) -> UInt64? {
    let levels = spec.isLA57 ? 5 : 4
    return RecipeReaders.walk(address, root: cr3 & 0x000f_ffff_ffff_f000, levels: levels, present: 1) { gpa in
      leaf(gpa).map { memory.load($0.address) }
    }?.address
  }
}
