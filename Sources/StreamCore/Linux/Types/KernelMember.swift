/// Where a member stands in a struct and what it is.
struct KernelMember: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case integer
    case pointer
    /// A struct or union.
    case structure
    case array
    case float
  }

  /// Bytes from the start of the struct; of a bit-field, the byte that has its first bit.
  let offset: Int
  /// The first bit of a bit-field, 0 to 7, in the byte at `offset`; `nil` for a member that is none.
  let bitOffset: Int?
  /// Bits of a bit-field.
  let bitSize: Int?
  /// Bytes of the whole member; of a bit-field, those that it touches.
  let size: Int
  /// Elements of an array, 0 when it has no fixed end.
  let count: Int?
  /// Bytes of an element of an array.
  let elementSize: Int?
  let kind: Kind
  let isSigned: Bool
  /// The struct or union that the member is, or that it points at; `nil` when that has no name.
  let structure: String?

  var isPointer: Bool { kind == .pointer }
  /// The struct or union that a pointer leads to.
  var pointee: String? { isPointer ? structure : nil }
}
