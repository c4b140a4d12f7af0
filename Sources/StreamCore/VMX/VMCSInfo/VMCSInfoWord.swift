/// The words with which a region was filled before it was read: each names its own place. Source:
/// Documentation/vmcsinfo.md §2.3.
enum VMCSInfoWord {
  /// Byte offset that a word names; `nil` for one that no filled region holds.
  static func offset(_ word: UInt16) -> Int? {
    guard word & 0x0103 == 0x0100, word < 0x4000 else { return nil }
    return 2 * (Int(word >> 9) << 6 | Int(word >> 2 & 0x3f))
  }

  /// The word at an even byte offset of the region.
  static func word(at offset: Int) -> UInt16 {
    let index = UInt16(truncatingIfNeeded: offset / 2 & 0x7ff)
    return (index & 0x3f) << 2 | 0x0100 | (index >> 6) << 9
  }
}

/// What one value of a table says of its field's place (Documentation/vmcsinfo.md §2.4, steps 2 to 4).
enum VMCSInfoValue: Equatable {
  case place(Layout.Place)
  /// Access rights also tell in which form the processor stores them.
  case rights(Layout.Place, AccessRightsForm)
  /// Zero, or no word of a filled region at all: the processor lacks the field, or it cannot be known.
  case absent
  /// Begins like a place and goes on like none.
  case damaged

  /// - Parameters:
  ///   - width: bytes of the VMREAD: 2, 4 or 8.
  ///   - value: what it gave, zero-extended.
  init(_ value: UInt64, width: Int) {
    guard width == 8 || value >> (8 * UInt64(width)) == 0 else {
      self = .damaged
      return
    }
    guard let offset = VMCSInfoWord.offset(UInt16(truncatingIfNeeded: value)) else {
      self = .absent
      return
    }
    for step in stride(from: 2, to: width, by: 2) {
      guard VMCSInfoWord.offset(UInt16(truncatingIfNeeded: value >> UInt64(8 * step))) == offset + step else {
        self = .damaged
        return
      }
    }
    let isInside = offset >= Layout.firstOffset && offset <= pageSize - width
    self = isInside ? .place(Layout.Place(offset: offset, width: width)) : .damaged
  }

  /// - Parameter selector: where the same register's selector lies: packed rights stand right behind it, and their
  /// value alone has lost bits 11:8 of the word.
  init(rights value: UInt64, selector: Int?) {
    let form: AccessRightsForm
    if value & 1 == 1 {
      form = .rotated
    } else if value >> 17 == 0 {
      self = Self.packed(value, selector: selector)
      return
    } else {
      form = .sdm32
    }
    // The processor turned a rotated value back while it was read.
    let low = UInt32(truncatingIfNeeded: value)
    let stored = form == .rotated ? UInt64(low << 8 | low >> 24) : UInt64(low)
    guard value >> 32 == 0, case .place(let place) = Self(stored, width: 4) else {
      self = value >> 32 == 0 && Self(stored, width: 4) == .absent ? .absent : .damaged
      return
    }
    self = .rights(place, form)
  }

  private static func packed(_ value: UInt64, selector: Int?) -> VMCSInfoValue {
    guard let selector, selector + 4 <= pageSize,
      value & 0xf0ff == UInt64(VMCSInfoWord.word(at: selector + 2) & 0xf0ff)
    else { return .absent }
    return .rights(Layout.Place(offset: selector + 2, width: 2), .packed16)
  }
}
