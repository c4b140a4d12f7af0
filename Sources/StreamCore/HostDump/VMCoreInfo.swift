/// VMCOREINFO: what a Linux kernel says of itself to dump tools, as `KEY=VALUE` lines. Source: kernel/vmcore_info.c;
/// Documentation/elf.md §4.
struct VMCoreInfo: Sendable, Equatable {
  /// The text as it was found, byte for byte.
  let text: [UInt8]
  private let values: [String: String]

  /// Longest text a kernel writes (VMCOREINFO_BYTES), with room for later kernels.
  static let maximumBytes = 1 << 16

  /// `nil` unless the bytes are VMCOREINFO: printable text of `KEY=VALUE` lines with an OSRELEASE of 1 to 64
  /// characters. NUL bytes after the text are dropped.
  init?(_ bytes: some Collection<UInt8>) {
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

  subscript(key: String) -> String? { values[key] }

  /// The kernel wrote it when it crashed. Source: Documentation/elf.md §4.
  var isOfCrash: Bool { values["CRASHTIME"] != nil }

  var osrelease: String { values["OSRELEASE"] ?? "" }
}
