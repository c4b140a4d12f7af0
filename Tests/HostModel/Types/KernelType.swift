/// A C type of a kernel, as BTF can say it.
public indirect enum KernelType: Hashable, Sendable {
  case void
  /// Its size in bytes.
  case int(String, size: UInt32, isSigned: Bool)
  case pointer(KernelType)
  case array(KernelType, UInt32)
  /// By name; one that nobody defines becomes a forward declaration.
  case structure(String)
  case typedef(String, KernelType)
  case const(KernelType)
  case volatile(KernelType)
  /// Its values in their order.
  case enumeration(String, [KernelEnumerator])
  /// A struct or union without a name, whose members belong to what it stands in.
  case anonymous(KernelStructure)

  static let u8 = KernelType.typedef("u8", .int("unsigned char", size: 1, isSigned: false))
  static let u16 = KernelType.typedef("u16", .int("short unsigned int", size: 2, isSigned: false))
  static let short = KernelType.int("short int", size: 2, isSigned: true)
  static let uint = KernelType.int("unsigned int", size: 4, isSigned: false)
  static let u32 = KernelType.typedef("u32", .uint)
  static let sint = KernelType.int("int", size: 4, isSigned: true)
  static let u64 = KernelType.typedef("u64", .int("long long unsigned int", size: 8, isSigned: false))
  static let ulong = KernelType.int("long unsigned int", size: 8, isSigned: false)
  static let bool = KernelType.typedef("bool", .int("_Bool", size: 1, isSigned: false))
  static let char = KernelType.int("char", size: 1, isSigned: true)
  static let pidNumber = KernelType.typedef("pid_t", .typedef("__kernel_pid_t", .sint))
  static let atomic = KernelType.typedef("atomic_t", .anonymous(KernelStructure("", size: 4, [("counter", 0, .sint)])))
  static let voidPointer = KernelType.pointer(.void)
  static func pointer(to name: String) -> KernelType { .pointer(.structure(name)) }
  static let list = KernelType.structure("list_head")
}

/// One value of an enumeration.
public struct KernelEnumerator: Hashable, Sendable {
  public let name: String
  public let value: UInt32
}

/// One member, at a distance in bytes from the start.
public struct KernelMember: Hashable, Sendable {
  public let name: String
  public let offset: UInt64
  public let type: KernelType
  /// Of a bit-field.
  public var bits: UInt32?
  /// Of a bit-field: its first bit in the byte at `offset`.
  public var bit: UInt32 = 0

  public init(_ name: String, _ offset: UInt64, _ type: KernelType, bits: UInt32? = nil, at bit: UInt32 = 0) {
    self.name = name
    self.offset = offset
    self.type = type
    self.bits = bits
    self.bit = bit
  }
}

/// A struct or union: the members that are of use, the room between them unsaid.
public struct KernelStructure: Hashable, Sendable {
  public let name: String
  /// Bytes.
  public let size: UInt64
  public let members: [KernelMember]
  public var isUnion = false

  /// The members may come in any order.
  public init(_ name: String, size: UInt64, members: [KernelMember], isUnion: Bool = false) {
    self.name = name
    self.size = size
    self.members = isUnion ? members : members.sorted { $0.offset < $1.offset }
    self.isUnion = isUnion
  }

  public init(_ name: String, size: UInt64, _ members: [(String, UInt64, KernelType)], isUnion: Bool = false) {
    self.init(name, size: size, members: members.map { KernelMember($0, $1, $2) }, isUnion: isUnion)
  }
}
