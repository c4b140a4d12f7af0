/// What a record of BTF describes. Source: include/uapi/linux/btf.h, BTF_KIND_*.
enum BTFKind: UInt8, Sendable {
  case int = 1
  case pointer, array, structure, union, enumeration, forward, typedef, volatile, const, restrict, function, prototype
  case variable, dataSection, float, declarationTag, typeTag, enumeration64

  /// Bytes behind the record's three words: once, and for each of its `vlen` entries.
  var extra: (fixed: Int, each: Int) {
    switch self {
    case .int, .variable, .declarationTag: (4, 0)
    case .array: (12, 0)
    case .structure, .union, .dataSection, .enumeration64: (0, 12)
    case .enumeration, .prototype: (0, 8)
    case .pointer, .forward, .typedef, .volatile, .const, .restrict, .function, .float, .typeTag: (0, 0)
    }
  }

  /// Only says more about another type.
  var isModifier: Bool {
    switch self {
    case .typedef, .volatile, .const, .restrict, .typeTag: true
    default: false
    }
  }

  /// Names a type that has a size; a forward declaration does not.
  var isType: Bool {
    switch self {
    case .int, .structure, .union, .enumeration, .enumeration64, .typedef, .float: true
    default: false
    }
  }

  var hasMembers: Bool { self == .structure || self == .union }
}

/// The three words that each record of BTF begins with. Source: include/uapi/linux/btf.h, struct btf_type.
struct BTFRecord: Sendable, Equatable {
  static let size = 12

  /// Of the name, in the strings of base and blob together; 0 is no name.
  let name: UInt32
  let kind: BTFKind
  /// Entries behind the record: members, enumerators.
  let count: Int
  /// kind_flag: members have bit-field sizes, enumerators are signed.
  let flag: Bool
  /// Bytes of the type, or the id of the type that this one is made of.
  let sizeOrType: UInt32

  /// `nil` when the kind is unknown, or a bit is set that means nothing.
  @inline(__always)
  init?(name: UInt32, info: UInt32, sizeOrType: UInt32) {
    guard info & 0x60ff_0000 == 0, let kind = BTFKind(rawValue: UInt8(info >> 24 & 0x1f)) else { return nil }
    self.name = name
    self.kind = kind
    count = Int(info & 0xffff)
    flag = info >> 31 == 1
    self.sizeOrType = sizeOrType
  }

  /// The record that begins at a byte of a blob.
  init?(_ bytes: [UInt8], _ place: Int) {
    guard let name: UInt32 = bytes.load(place), let info: UInt32 = bytes.load(place + 4),
      let third: UInt32 = bytes.load(place + 8)
    else { return nil }
    self.init(name: name, info: info, sizeOrType: third)
  }

  /// Bytes of the record with all that belongs to it.
  @inline(__always)
  var byteCount: Int {
    let extra = kind.extra
    return Self.size + extra.fixed + extra.each * count
  }
}

/// A member of a struct or union. Source: include/uapi/linux/btf.h, struct btf_member.
struct BTFMember: Sendable, Equatable {
  let name: UInt32
  let type: UInt32
  /// Bits from the start of the struct.
  let bitOffset: Int
  /// Bits of a bit-field; `nil` for a member that is none.
  let bitSize: Int?
}

/// An array, or the encoding of an integer. Source: include/uapi/linux/btf.h, struct btf_array, BTF_INT_*.
struct BTFArray: Sendable, Equatable {
  let element: UInt32
  let count: UInt32
}

struct BTFInteger: Sendable, Equatable {
  let isSigned: Bool
  /// Bits before the value, in types of kernels that described bit-fields so.
  let bitOffset: Int
  let bits: Int
}
