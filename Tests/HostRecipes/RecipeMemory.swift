import HostModel

/// A host's RAM as tools copy it from a running machine, without notes. Source: Documentation/elf.md §5.
package enum RecipeMemory {
  /// LiME's image.
  package static func lime(of host: BuiltHost) -> [UInt8] {
    host.space.ram.flatMap { frames in
      limeHeader(frames.lowerBound << 12, frames.upperBound << 12 - 1) + bytes(of: frames, host)
    }
  }

  /// AVML's image: a frame is compressed where that makes it smaller. Ranges of zeros are left out, as AVML does.
  package static func avml(of host: BuiltHost) -> [UInt8] {
    avmlBlocks(of: host).flatMap { avmlRange($0.lowerBound << 12, bytes(of: $0, host)) }
  }

  /// The frames that AVML's image has, range by range.
  package static func avmlBlocks(of host: BuiltHost) -> [Range<UInt64>] {
    let block: UInt64 = 64
    return host.space.ram.flatMap { frames in
      stride(from: frames.lowerBound, to: frames.upperBound, by: Int(block))
        .map { $0..<min($0 + block, frames.upperBound) }
        .filter { $0.contains { !host.memory.isZero($0) } }
    }
  }

  package static func avmlRange(_ start: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    var frames = frame(0xff, Array("sNaPpY".utf8)) + frame(0xfe, [1, 2, 3])
    for at in stride(from: 0, to: bytes.count, by: 65_536) {
      let part = Array(bytes[at..<min(at + 65_536, bytes.count)])
      let stream = RecipeBytes.compress(part, .snappy)
      frames += frame(stream == nil ? 1 : 0, RecipeFile.le32(maskedSum(part)) + (stream ?? part))
    }
    return Array("AVML".utf8) + RecipeFile.le32(2) + RecipeFile.le64(start)
      + RecipeFile.le64(start + UInt64(bytes.count) - 1) + RecipeFile.le64(0) + frames
      + RecipeFile.le64(UInt64(frames.count))
  }

  private static func frame(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    [type] + RecipeFile.le32(UInt32(body.count)).prefix(3) + body
  }

  /// CRC-32C bit by bit, most significant bit first as the standard has it: both ends are turned around.
  package static func maskedSum(_ bytes: [UInt8]) -> UInt32 {
    var value = UInt32.max
    for byte in bytes {
      var bits = byte
      for _ in 0..<8 {
        let isSet = UInt32(bits & 1) != value >> 31
        value = value << 1 ^ (isSet ? 0x1edc_6f41 : 0)
        bits >>= 1
      }
    }
    var sum: UInt32 = 0
    for bit in 0..<32 as Range<UInt32> {
      let isSet = value >> bit & 1 == 1
      if !isSet { sum |= 1 << (31 - bit) }
    }
    return (sum >> 15 | sum << 17) &+ 0xa282_ead8
  }

  /// - Parameter last: the last address.
  package static func limeHeader(_ start: UInt64, _ last: UInt64, version: UInt32 = 1) -> [UInt8] {
    Array("EMiL".utf8) + RecipeFile.le32(version) + RecipeFile.le64(start) + RecipeFile.le64(last)
      + RecipeFile.le64(0)
  }

  /// The ranges one behind the other, and /proc/iomem as it names them.
  package static func raw(of host: BuiltHost) -> (bytes: [UInt8], table: String) {
    var table = "00000000-00000fff : Reserved\n"
    for frames in host.space.ram {
      table += "\(hex(frames.lowerBound << 12))-\(hex(frames.upperBound << 12 - 1)) : System RAM\n"
      table += "  \(hex(frames.lowerBound << 12))-\(hex(frames.lowerBound << 12 + 0xfff)) : Kernel code\n"
    }
    return (host.space.ram.flatMap { bytes(of: $0, host) }, table + "fec00000-fec003ff : IOAPIC 0\n")
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  private static func bytes(of frames: Range<UInt64>, _ host: BuiltHost) -> [UInt8] {
    frames.flatMap { host.memory.page($0) }
  }
}
