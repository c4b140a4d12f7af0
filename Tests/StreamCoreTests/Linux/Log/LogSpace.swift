import HostModel

@testable import StreamCore

/// A small kernel with a log in its direct map: parts a MiB apart, the pointer in its image.
struct LogSpace {
  static let variable: UInt64 = 0xffff_ffff_8001_0200
  static let ring: UInt64 = 0
  static let descriptors: UInt64 = 0x10_0000
  static let infos: UInt64 = 0x20_0000
  static let texts: UInt64 = 0x30_0000
  /// Of the older buffer: length, and the two places that the kernel keeps in it.
  static let bufferVariables: UInt64 = 0xffff_ffff_8001_0300

  var host = KVMTestHost()
  var keys: String

  init(_ log: HostModel.PrintkRing) {
    keys = log.keys(symbol: Self.variable)
    host.poke(Self.address(Self.ring), at: Self.variable)
    put(
      log.ringImage(
        descriptors: Self.address(Self.descriptors), infos: Self.address(Self.infos), texts: Self.address(Self.texts)),
      at: Self.ring)
    put(log.descriptorImage, at: Self.descriptors)
    put(log.infoImage, at: Self.infos)
    put(log.textImage, at: Self.texts)
  }

  init(_ log: LogBuffer) {
    keys = log.keys(pointer: Self.variable, variables: Self.bufferVariables)
    host.poke(Self.address(Self.texts), at: Self.variable)
    host.poke(UInt64(log.bytes.count), at: Self.bufferVariables)
    host.poke(log.first, at: Self.bufferVariables + 8)
    host.poke(log.next, at: Self.bufferVariables + 16)
    put(log.bytes, at: Self.texts)
  }

  private static func address(_ offset: UInt64) -> UInt64 { KernelSpace.address(offset).rawValue }

  /// Writes bytes at a multiple of 8; the rest of the last quadword becomes 0.
  mutating func put(_ bytes: [UInt8], at offset: UInt64) {
    for start in stride(from: 0, to: bytes.count, by: 8) {
      let word = bytes[start..<min(start + 8, bytes.count)].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      host.memory.store(word, at: KernelSpace.base + offset + UInt64(start))
    }
  }

  mutating func store(_ value: UInt64, at offset: UInt64) { host.memory.store(value, at: KernelSpace.base + offset) }

  mutating func cut(pageAt offset: UInt64) { host.memory.remove((KernelSpace.base + offset) >> 12) }

  func log(release: String = "6.1.0") throws -> KernelLog {
    let text = "OSRELEASE=\(release)\nSYMBOL(swapper_pg_dir)=ffffffff80200000\nNUMBER(phys_base)=-1048576\n" + keys
    return try KernelLog(of: VMCoreInfo(Array(text.utf8)), host.memory)
  }

  /// The whole log, as lines, and what was lost of it.
  func lines() throws -> (lines: [String], losses: [String]) {
    var log = try log()
    var text: [UInt8] = []
    while let record = log.next() { text += LogText.bytes(record) }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    return (lines.dropLast().map(String.init), log.losses)
  }
}
