/// VMCOREINFO: what a Linux kernel says of itself to dump tools, as `KEY=VALUE` lines.
/// Source: kernel/vmcore_info.c; fact sheet formats/elf.md §4.
public struct VMCoreInfo: Sendable, Equatable {
  /// The text as it was found, byte for byte.
  public let text: [UInt8]
  private let values: [String: String]

  /// Longest text a kernel writes (VMCOREINFO_BYTES), with room for later kernels.
  public static let maximumBytes = 1 << 16

  /// `nil` unless the bytes are VMCOREINFO: printable text of `KEY=VALUE` lines with an OSRELEASE of 1 to 64
  /// characters. NUL bytes after the text are dropped.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count <= Self.maximumBytes else { return nil }
    let text = Array(bytes.prefix { $0 != 0 })
    guard text.allSatisfy({ $0 == 0x09 || $0 == 0x0a || (0x20...0x7e).contains($0) }) else { return nil }
    var values: [String: String] = [:]
    for line in text.split(separator: 0x0a) {
      guard line.count <= 4096, let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let key = String(decoding: line[..<equals], as: UTF8.self)
      if values[key] == nil { values[key] = String(decoding: line[(equals + 1)...], as: UTF8.self) }
    }
    guard let release = values["OSRELEASE"], (1...64).contains(release.utf8.count) else { return nil }
    self.text = text
    self.values = values
  }

  public subscript(key: String) -> String? { values[key] }

  public var osrelease: String { values["OSRELEASE"] ?? "" }
  /// `SYMBOL(name)`: a kernel virtual address, hexadecimal without prefix.
  public func symbol(_ name: String) -> VirtualAddress? {
    values["SYMBOL(\(name))"].flatMap { UInt64($0, radix: 16) }.map(VirtualAddress.init(rawValue:))
  }
  /// `NUMBER(name)`: decimal, may be negative.
  public func number(_ name: String) -> Int64? { values["NUMBER(\(name))"].flatMap { Int64($0) } }
  /// `OFFSET(name)`: bytes, decimal.
  public func offset(_ name: String) -> Int? { values["OFFSET(\(name))"].flatMap { Int($0) } }
  /// KERNELOFFSET: the KASLR shift of the kernel text, hexadecimal.
  public var kernelOffset: UInt64? { values["KERNELOFFSET"].flatMap { UInt64($0, radix: 16) } }

  /// Start of the kernel text mapping. Source: Documentation/arch/x86/x86_64/mm.rst.
  public static let textMapping: UInt64 = 0xffff_ffff_8000_0000

  /// The physical address of a virtual one inside the kernel image: v - 0xffffffff80000000 + phys_base.
  public func imagePhysical(_ address: VirtualAddress) -> UInt64? {
    guard let base = number("phys_base"), address.rawValue >= Self.textMapping else { return nil }
    return (address.rawValue - Self.textMapping) &+ UInt64(bitPattern: base)
  }

  /// 5 when the kernel runs with five page-table levels, else 4.
  public var pagingLevels: Int { number("pgtable_l5_enabled") == 1 ? 5 : 4 }
}
