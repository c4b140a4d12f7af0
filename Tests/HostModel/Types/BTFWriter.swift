/// Writes a kernel's BTF: vmlinux's, or a module's, whose types and strings go on behind vmlinux's.
/// Source: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of Linux 6.1.
public struct BTFWriter: Sendable {
  /// BTF_KIND_*.
  private enum Kind: UInt32 {
    case int = 1
    case pointer, array, structure, union, enumeration, forward
    case typedef, volatile, const
  }

  private let definitions: [String: KernelStructure]
  /// Of vmlinux, under a module's.
  private let base: [KernelType: UInt32]
  private let baseStrings: [String: UInt32]
  private let firstID: UInt32
  private let firstString: UInt32
  private var ids: [KernelType: UInt32] = [:]
  private var entries: [[UInt8]] = []
  private var strings: [UInt8]
  private var places: [String: UInt32] = [:]

  /// vmlinux's, with these structures and all that they name, and these enumerations.
  public init(_ structures: [KernelStructure], _ enumerations: [KernelType] = []) {
    definitions = Dictionary(structures.map { ($0.name, $0) }) { first, _ in first }
    base = [:]
    baseStrings = [:]
    firstID = 1
    firstString = 0
    strings = [0]
    places[""] = 0
    add(structures)
    for type in enumerations { _ = id(of: type) }
  }

  /// A module's: what vmlinux's has already is not said again.
  public init(_ structures: [KernelStructure], over vmlinux: BTFWriter) {
    definitions = Dictionary(structures.map { ($0.name, $0) }) { first, _ in first }
    base = vmlinux.ids
    baseStrings = vmlinux.places
    firstID = vmlinux.firstID + UInt32(vmlinux.entries.count)
    firstString = UInt32(vmlinux.strings.count)
    strings = []
    add(structures)
  }

  /// The blob: header of 24 bytes, types, strings.
  public var bytes: [UInt8] {
    let types = entries.flatMap { $0 }
    var header = LittleEndian.bytes(UInt16(0xeb9f)) + [1, 0]
    for word in [24, 0, types.count, types.count, strings.count] { header += LittleEndian.bytes(UInt32(word)) }
    return header + types + strings
  }

  /// The parts of a blob, in bytes from its start: the lengths that its header says.
  static func sections(of blob: [UInt8]) -> [(name: String, bytes: Range<UInt64>)] {
    func word(_ at: Int) -> UInt64 { blob[at..<at + 4].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    guard blob.count >= 24 else { return [] }
    let strings = 24 + word(16)
    return [("BTF header", 0..<24), ("BTF types", 24..<strings), ("BTF strings", strings..<strings + word(20))]
  }

  private mutating func add(_ structures: [KernelStructure]) {
    for structure in structures { _ = id(of: .structure(structure.name)) }
  }

  private mutating func id(of type: KernelType) -> UInt32 {
    if type == .void { return 0 }
    if let known = ids[type] { return known }
    if let known = base[type], !isDefined(type) { return known }
    let place = entries.count
    let number = firstID + UInt32(place)
    // The number first: types name themselves.
    ids[type] = number
    entries.append([])
    entries[place] = body(of: type)
    return number
  }

  private func isDefined(_ type: KernelType) -> Bool {
    guard case .structure(let name) = type else { return false }
    return definitions[name] != nil
  }

  private mutating func body(of type: KernelType) -> [UInt8] {
    switch type {
    case .void: []
    case .int(let name, let size, let isSigned):
      entry(name, .int, size: size)
        + LittleEndian.bytes((isSigned ? 1 : name == "_Bool" ? 4 : 0) << 24 as UInt32 | size * 8)
    case .pointer(let target): entry("", .pointer, size: id(of: target))
    case .array(let element, let count):
      entry("", .array, size: 0)
        + [id(of: element), id(of: .uint), count].flatMap { LittleEndian.bytes($0) }
    case .structure(let name):
      if let definition = definitions[name] { body(of: definition) } else { entry(name, .forward, size: 0) }
    case .anonymous(let structure): body(of: structure)
    case .typedef(let name, let target): entry(name, .typedef, size: id(of: target))
    case .const(let target): entry("", .const, size: id(of: target))
    case .volatile(let target): entry("", .volatile, size: id(of: target))
    case .enumeration(let name, let values):
      entry(name, .enumeration, size: 4, count: values.count)
        + values.flatMap { LittleEndian.bytes(string($0.name)) + LittleEndian.bytes($0.value) }
    }
  }

  private mutating func body(of structure: KernelStructure) -> [UInt8] {
    let hasBits = structure.members.contains { $0.bits != nil }
    var bytes = entry(
      structure.name, structure.isUnion ? .union : .structure, size: UInt32(structure.size),
      count: structure.members.count, flag: hasBits)
    for member in structure.members {
      // With the flag, the top 8 bits are a bit-field's size and the others the offset.
      let offset = UInt32(member.offset) * 8 + member.bit | (member.bits ?? 0) << 24
      for word in [string(member.name), id(of: member.type), offset] { bytes += LittleEndian.bytes(word) }
    }
    return bytes
  }

  /// `struct btf_type`. - Parameter size: or the number of a type.
  private mutating func entry(
    _ name: String, _ kind: Kind, size: UInt32, count: Int = 0, flag: Bool = false
  ) -> [UInt8] {
    let info = UInt32(count) | kind.rawValue << 24 | (flag ? 1 << 31 : 0)
    return [string(name), info, size].flatMap { LittleEndian.bytes($0) }
  }

  private mutating func string(_ text: String) -> UInt32 {
    if let known = baseStrings[text] ?? places[text] { return known }
    let place = firstString + UInt32(strings.count)
    places[text] = place
    strings += Array(text.utf8) + [0]
    return place
  }
}
