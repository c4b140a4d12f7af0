/// What a kernel keeps of itself at known places of its memory.
extension PhysicalMemory {
  /// The VMCOREINFO that a page begins with: as a note, or its bare text, as the kernel has both.
  /// Source: kernel/vmcore_info.c, vmcoreinfo_note and vmcoreinfo_data; Documentation/elf.md §4.2.
  func vmcoreinfo(inFrame frame: UInt64) -> VMCoreInfo? {
    guard let first = page(frame).page else { return nil }
    if first.u32(0) != 11 { return VMCoreInfo(first.bytes) }
    let length = Int(first.u32(4))
    let header = 24
    guard (1...pageSize).contains(length), first.u32(8) == 0,
      first.bytes[12..<24].elementsEqual(Array("VMCOREINFO".utf8) + [0, 0]),
      let bytes = read(frame << 12, count: header + length)
    else { return nil }
    return VMCoreInfo(bytes[header...])
  }

  /// The names of a running Linux kernel at a physical address. Source: include/uapi/linux/utsname.h, struct
  /// new_utsname.
  func utsname(at address: UInt64) -> UTSName? {
    guard let bytes = read(address, count: 6 * UTSName.fieldSize) else { return nil }
    let fields = (0..<6).compactMap { field -> String? in
      let raw = bytes[field * UTSName.fieldSize..<(field + 1) * UTSName.fieldSize]
      guard let end = raw.firstIndex(of: 0) else { return nil }
      return String(decoding: raw[..<end], as: UTF8.self)
    }
    guard fields.count == 6, fields[0] == "Linux" else { return nil }
    return UTSName(
      sysname: fields[0], nodename: fields[1], release: fields[2], version: fields[3], machine: fields[4],
      domainname: fields[5])
  }
}
