/// What the keys of a kernel's VMCOREINFO mean. Source: kernel/vmcore_info.c; Documentation/elf.md §4.
extension VMCoreInfo {
  /// `SYMBOL(name)`: a kernel virtual address, hexadecimal without prefix.
  func symbol(_ name: String) -> VirtualAddress? {
    self["SYMBOL(\(name))"].flatMap { UInt64($0, radix: 16) }.map(VirtualAddress.init(rawValue:))
  }

  /// All `SYMBOL(name)` by name.
  var symbols: [String: VirtualAddress] {
    var symbols: [String: VirtualAddress] = [:]
    for line in text.split(separator: 0x0a) where line.starts(with: "SYMBOL(".utf8) {
      let name = String(decoding: line.dropFirst(7).prefix { $0 != UInt8(ascii: ")") }, as: UTF8.self)
      if let address = symbol(name) { symbols[name] = address }
    }
    return symbols
  }

  /// `NUMBER(name)`: decimal, may be negative.
  func number(_ name: String) -> Int64? { self["NUMBER(\(name))"].flatMap { Int64($0) } }

  /// `OFFSET(name)`: bytes, decimal.
  func offset(_ name: String) -> Int? { self["OFFSET(\(name))"].flatMap { Int($0) } }

  /// The physical address of a virtual one inside the kernel image: v - 0xffffffff80000000 + phys_base.
  func imagePhysical(_ address: VirtualAddress) -> UInt64? {
    guard let base = number("phys_base"), address.rawValue >= VirtualAddress.kernelTextBase else { return nil }
    return (address.rawValue - VirtualAddress.kernelTextBase) &+ UInt64(bitPattern: base)
  }

  /// 5 when the kernel runs with five page-table levels, else 4.
  var pagingLevels: Int { number("pgtable_l5_enabled") == 1 ? 5 : 4 }

  /// `sme_me_mask`: one bit of 32 to 51, or 0. Source: arch/x86/kernel/vmcore_info_64.c.
  var encryptionBit: UInt64 {
    guard let mask = number("sme_mask").map(UInt64.init(bitPattern:)), mask.nonzeroBitCount == 1,
      mask & X86PageTables.addressMask == mask, mask >> 32 != 0
    else { return 0 }
    return mask
  }
}
