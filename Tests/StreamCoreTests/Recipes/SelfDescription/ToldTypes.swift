/// BTF read back: vmlinux's, and a module's behind it.
struct ToldTypes {
  struct Entry {
    var name: String
    var kind: Int
    var size: UInt64
    var members: [(name: String, type: Int, offset: UInt64)] = []
    var count: UInt64 = 0
  }

  /// Entry 0 is void.
  private(set) var entries = [Entry(name: "void", kind: 0, size: 0)]
  private var strings: [UInt8] = []

  init?(_ vmlinux: [UInt8]) { guard add(vmlinux) else { return nil } }

  /// The same with a module's.
  func adding(_ module: [UInt8]) -> ToldTypes? {
    var both = self
    return both.add(module) ? both : nil
  }

  private mutating func add(_ bytes: [UInt8]) -> Bool {
    func word(_ at: Int) -> Int { Int(RecipeReaders.le(bytes, at, 4)) }
    guard bytes.count > 24, RecipeReaders.le(bytes, 0, 2) == 0xeb9f, word(4) == 24,
      24 + word(16) + word(20) == bytes.count
    else { return false }
    strings += bytes[(24 + word(16))...]
    var at = 24 + word(8)
    let end = at + word(12)
    while at < end {
      let info = word(at + 4)
      var entry = Entry(name: text(word(at)), kind: info >> 24 & 31, size: UInt64(word(at + 8)))
      at += 12
      switch entry.kind {
      case 1: at += 4
      case 3:
        entry.members = [("", word(at), 0)]
        entry.count = UInt64(word(at + 8))
        at += 12
      case 4, 5:
        for _ in 0..<info & 0xffff {
          let bits = info >> 31 == 1 ? word(at + 8) & 0xffffff : word(at + 8)
          entry.members.append((text(word(at)), word(at + 4), UInt64(bits) / 8))
          at += 12
        }
      case 6: at += Int(info & 0xffff) * 8
      case 2, 7...10: break
      default: return false
      }
      entries.append(entry)
    }
    return at == end && entries.allSatisfy { $0.members.allSatisfy { $0.type < entries.count } }
  }

  private func text(_ place: Int) -> String { String(decoding: strings[place...].prefix { $0 != 0 }, as: UTF8.self) }

  func structure(_ name: String) -> Int? {
    entries.indices.last { (entries[$0].kind == 4 || entries[$0].kind == 5) && entries[$0].name == name }
  }

  /// Through typedef, volatile and const.
  private func bare(_ type: Int) -> Int {
    (8...10).contains(entries[type].kind) ? bare(Int(entries[type].size)) : type
  }

  /// Bytes from the start of a structure to a member: `kvm_vcpu.arch.regs`.
  func offset(_ path: String) -> UInt64? {
    let names = path.split(separator: ".").map(String.init)
    guard var type = structure(names[0]) else { return nil }
    var sum: UInt64 = 0
    for name in names.dropFirst() {
      guard let (offset, next) = member(name, of: type) else { return nil }
      sum += offset
      type = next
    }
    return sum
  }

  private func member(_ name: String, of type: Int) -> (UInt64, Int)? {
    for member in entries[type].members {
      let inner = bare(member.type)
      if member.name == name { return (member.offset, inner) }
      if member.name.isEmpty, let found = self.member(name, of: inner) { return (member.offset + found.0, found.1) }
    }
    return nil
  }

  func size(_ type: Int) -> UInt64 {
    let entry = entries[bare(type)]
    return switch entry.kind {
    case 2: 8
    case 3: entry.count * size(entry.members[0].type)
    default: entry.size
    }
  }

  private static let bitFields: Set<String> = [
    "in_execve", "revision_id", "shadow_vmcs", "is_valloc", "is_guest", "is_confidential",
    "orc_entry.sp_reg", "orc_entry.bp_reg", "orc_entry.type", "orc_entry.end", "orc_entry.signal", "zspage.class",
    "zspage.magic",
  ]

  /// Members that reach beyond their structure, or, in a struct, into the next member.
  var faults: [String] {
    entries.filter { $0.kind == 4 || $0.kind == 5 }.flatMap { entry in
      entry.members.enumerated().compactMap { index, member in
        let end = member.offset + size(member.type)
        let next = entry.kind == 4 && index + 1 < entry.members.count ? entry.members[index + 1].offset : entry.size
        // A bit-field's type is wider than its bits.
        let path = "\(entry.name).\(member.name)"
        return end <= next || !Self.bitFields.isDisjoint(with: [member.name, path]) ? nil : path
      }
    }
  }
}
