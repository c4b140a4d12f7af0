/// Why bytes are no type information that can be used.
enum BTFFault: Error, Equatable, Sendable {
  case noMagic
  case version(UInt8)
  /// More than `BTFHeader.byteLimit`.
  case tooLarge(bytes: Int)
  case tooManyTypes(limit: Int)
  /// A section, or the header itself, does not lie in the bytes.
  case cut(what: String)
  /// The string section does not end with NUL, or does not begin with one where it must.
  case badStrings
  /// A record, by type id, reaches past the end of its section.
  case cutRecord(id: UInt32)
  /// A record's kind is none that this program knows the size of.
  case unknownKind(id: UInt32, info: UInt32)
  /// A split blob names strings that its base does not have: it was made for another base.
  case otherBase(id: UInt32)
  case unreadable(KernelReadFault)
}

extension BTFFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noMagic: "no BTF: the magic 0xeb9f is missing"
    case .version(let version): "BTF of version \(version) is not known"
    case .tooLarge(let bytes): "BTF of \(bytes) bytes is too large"
    case .tooManyTypes(let limit): "BTF has more than \(limit) types"
    case .cut(let what): "BTF is cut: its \(what) reaches past the end"
    case .badStrings: "the strings of BTF do not begin and end with NUL"
    case .cutRecord(let id): "BTF is cut: type \(id) reaches past the end of its section"
    case .unknownKind(let id, let info): "type \(id) of BTF is of an unknown kind (\(hex(info)))"
    case .otherBase(let id): "type \(id) of split BTF does not fit its base, which another BTF is (.BTF.base)"
    case .unreadable(let fault): "\(fault)"
    }
  }
}
