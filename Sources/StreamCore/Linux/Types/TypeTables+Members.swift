/// A member that was found in a struct, or in what is nested in it without a name.
struct FoundMember {
  let type: TypeID
  /// Bits from the start of the struct that was searched.
  let bitOffset: Int
  /// Bits of a bit-field.
  let bitSize: Int?
}

extension TypeTables {
  /// Structs without a name that are nested in each other, at most. Those of the kernel: 5.
  private static let nestingLimit = 16

  /// The member of this name of a struct or union, also where it stands in one without a name.
  /// - Parameter budget: members that may still be looked at.
  /// - Returns: `nil` when there is none, or the budget is used up.
  mutating func member(
    _ name: [UInt8], of type: TypeID, budget: inout Int, nesting: Int = 0
  ) throws(TypeFault) -> FoundMember? {
    guard nesting < Self.nestingLimit, let (record, place) = try record(type), record.kind.hasMembers else {
      return nil
    }
    for index in 0..<record.count {
      guard budget > 0, let member = member(index, of: type, record, place) else { return nil }
      budget -= 1
      let isNameless = member.name == 0
      if !isNameless {
        if try self.name(member.name, of: type, is: name) { return try found(member, of: type) }
        guard try self.name(member.name, of: type, is: []) else { continue }
      }
      guard let inner = try plain(other(member.type, of: type)) else { continue }
      if let found = try self.member(name, of: inner, budget: &budget, nesting: nesting + 1) {
        return FoundMember(
          type: found.type, bitOffset: member.bitOffset + found.bitOffset, bitSize: found.bitSize)
      }
    }
    return nil
  }

  /// - Parameter place: of the record.
  private mutating func member(_ index: Int, of type: TypeID, _ record: BTFRecord, _ place: Int) -> BTFMember? {
    guard let name = word(type, place, 12 * index), let other = word(type, place, 12 * index + 4),
      let bits = word(type, place, 12 * index + 8)
    else { return nil }
    // kind_flag: bits 31:24 are the size of a bit-field, 0 for none.
    let size = record.flag ? Int(bits >> 24) : 0
    return BTFMember(
      name: name, type: other, bitOffset: Int(record.flag ? bits & 0xff_ffff : bits), bitSize: size == 0 ? nil : size)
  }

  /// Older kernels say in the integer's type which of its bits a bit-field has. Source: include/uapi/linux/btf.h.
  private mutating func found(_ member: BTFMember, of type: TypeID) throws(TypeFault) -> FoundMember {
    let type = other(member.type, of: type)
    if member.bitSize == nil, let plain = try plain(type), let integer = try integer(plain),
      let size = try size(of: plain), integer.bitOffset != 0 || integer.bits != 8 * size
    {
      return FoundMember(type: type, bitOffset: member.bitOffset + integer.bitOffset, bitSize: integer.bits)
    }
    return FoundMember(type: type, bitOffset: member.bitOffset, bitSize: member.bitSize)
  }
}
