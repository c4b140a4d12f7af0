import HostModel
import Testing

@testable import StreamCore

/// Logs that a model of printk wrote, by our reader.
@Suite struct KernelLogTests {
  @Test func `a record is a line with its time, and one with line feeds more lines, indented`() throws {
    var ring = HostModel.PrintkRing(countBits: 4, sizeBits: 9)
    ring.write("Linux version 6.1", at: 0)
    ring.write("two\nlines", at: 12_345_678_901)
    ring.write("later", at: 123_456_000_000_000)
    let (lines, losses) = try LogSpace(ring).lines()
    #expect(
      lines == [
        "[    0.000000] Linux version 6.1", "[   12.345678] two", "               lines", "[123456.000000] later",
      ])
    #expect(losses.isEmpty)
  }

  @Test func `a full ring has its newest records, whichever of its parts ran over first`() throws {
    for (countBits, sizeBits, length) in [(3, 12, 5), (6, 9, 30), (5, 10, 23)] as [(UInt64, UInt64, Int)] {
      var ring = HostModel.PrintkRing(countBits: countBits, sizeBits: sizeBits)
      let text = String(repeating: "x", count: length)
      for number in 0..<UInt64(200) { ring.write("\(number) \(text)", at: number * 1_000_000_000) }
      var log = try LogSpace(ring).log()
      let records = log.next(.max)
      let first = try #require(records.first?.sequence)
      #expect(first < 200 && first > 100, "\(countBits)")
      #expect(records.map(\.sequence) == (first..<200).map { $0 })
      #expect(records.map(\.text) == (first..<200).map { Array("\($0) \(text)".utf8) })
      #expect(log.losses.isEmpty)
    }
  }

  @Test func `a text that ends with the ring is whole, and one that does not fit begins the ring again`() throws {
    var shape = HostModel.PrintkRing.Shape()
    (shape.endsWithRing, shape.infoSize) = (true, 112)
    var ring = HostModel.PrintkRing(countBits: 5, sizeBits: 8, shape: shape)
    for number in 0..<UInt64(20) { ring.write("\(number) " + String(repeating: "y", count: 52), at: number) }
    let (lines, losses) = try LogSpace(ring).lines()
    #expect(lines == (16..<20).map { "[    0.000000] \($0) " + String(repeating: "y", count: 52) })
    #expect(losses.isEmpty)
  }

  @Test func `records that were not committed, and those without text, are passed by`() throws {
    var ring = HostModel.PrintkRing(countBits: 4, sizeBits: 9)
    ring.write(Array("done".utf8), at: 1000, level: 3, caller: 0x8000_0002, state: .committed)
    ring.write(Array("half".utf8), at: 2000, state: .reserved)
    ring.write("", at: 3000)
    ring.write("end", at: 4000)
    var log = try LogSpace(ring).log()
    #expect(
      log.next(9) == [
        LogRecord(sequence: 0, nanoseconds: 1000, caller: 0x8000_0002, level: 3, text: Array("done".utf8)),
        LogRecord(sequence: 3, nanoseconds: 4000, caller: 1, level: 6, text: Array("end".utf8)),
      ])
    #expect(log.losses.isEmpty)
  }

  @Test(arguments: [(false, "printk_log"), (true, "printk_log"), (false, "log")])
  func `the older buffer's records come out in order, also when it began again`(
    hasCaller: Bool, structure: String
  ) throws {
    for count in [0, 1, 3, 40] as [UInt64] {
      var buffer = LogBuffer(size: 512, hasCaller: hasCaller, structure: structure)
      for number in 0..<count {
        buffer.write(Array("record \(number)".utf8), at: number * 1_500_000_000, dictionary: 7)
      }
      var log = try LogSpace(buffer).log()
      let records = log.next(.max)
      let first = count - UInt64(records.count)
      #expect(records.count >= min(Int(count), 10))
      #expect(records.map(\.text) == (first..<count).map { Array("record \($0)".utf8) })
      #expect(records.map(\.nanoseconds) == (first..<count).map { $0 * 1_500_000_000 })
      #expect(records.allSatisfy { $0.caller == (hasCaller ? 0x8000_0001 : nil) })
      #expect(log.losses.isEmpty)
    }
  }

  @Test func `bytes are written as makedumpfile writes them, and for a terminal so that they do nothing`() {
    let hostile = Array("a\tb\u{1b}[2J\u{7f}\r é\u{202e}\n".utf8) + [0xff, 0]
    let record = LogRecord(sequence: nil, nanoseconds: 0, caller: nil, level: nil, text: hostile)
    #expect(
      String(decoding: LogText.bytes(record), as: UTF8.self)
        == "[    0.000000] a\tb\\x1b[2J\\x7f\r \\xffffffc3\\xffffffa9\\xffffffe2\\xffffff80\\xffffffae\n"
        + "               \\xffffffff\\x00\n")
    #expect(
      LogText.printable(record)
        == "[    0.000000] a\tb\\x1b[2J\\x7f\\x0d é\\xe2\\x80\\xae\n               \\xff\\x00\n")
  }
}

/// Logs that lie.
@Suite struct HostileLogTests {
  private func ring(_ count: UInt64 = 8) -> HostModel.PrintkRing {
    var ring = HostModel.PrintkRing(countBits: 4, sizeBits: 9)
    for number in 0..<count { ring.write("record \(number)", at: number) }
    return ring
  }

  @Test func `a log of a claimed GiB is not read, and said to be one`() throws {
    var space = LogSpace(ring())
    space.store(30, at: LogSpace.ring + 48)
    #expect(
      throws: KernelLogFault.tooLarge("its ring of texts", claimed: 1 << 30, limit: 128 << 20)
    ) { try space.log() }
    space = LogSpace(ring())
    for bits in [23, 31, 57, 58, 64, 0xffff_ffff] as [UInt64] {
      space.store(bits, at: LogSpace.ring)
      #expect(throws: KernelLogFault.self, "\(bits)") { try space.log() }
    }
    var old = LogSpace(LogBuffer(size: 256))
    old.host.poke(1 << 30, at: LogSpace.bufferVariables)
    #expect(
      throws: KernelLogFault.tooLarge("its buffer", claimed: 1 << 30, limit: 128 << 20)
    ) { try old.log() }
  }

  @Test func `the largest rings that are read end, with nothing behind them`() throws {
    var space = LogSpace(ring())
    space.store(22, at: LogSpace.ring)
    space.store(27, at: LogSpace.ring + 48)
    // The oldest is as far away as can be.
    space.store(UInt64.max >> 2, at: LogSpace.ring + 32)
    var log = try space.log()
    #expect(log.next(.max).count <= 16)
    #expect(log.losses.first?.contains("records cannot be read, the first because the dump does not hold") == true)
    #expect(log.losses.last?.contains("its oldest record is said to be") == true)
  }

  @Test func `records that all have the same text do not fill the disk`() throws {
    var space = LogSpace(ring(16))
    for number in 0..<UInt64(16) {
      // Begins and ends as the whole ring does, but for its first word.
      space.store(8, at: LogSpace.descriptors + number * 24 + 8)
      space.store(504, at: LogSpace.descriptors + number * 24 + 16)
      space.store(0x0600_ffff | 1 << 32, at: LogSpace.infos + number * 88 + 16)
    }
    var log = try space.log()
    #expect(log.next(.max).map(\.text.count) == [488])
    #expect(log.losses.count == 1 && log.losses[0].contains("more text than its ring of 512 bytes"))
  }

  @Test func `what the dump lacks of a ring is counted, and the rest is there`() throws {
    var ring = HostModel.PrintkRing(countBits: 8, sizeBits: 14)
    for number in 0..<UInt64(250) { ring.write("record \(number)", at: number) }
    for part in [LogSpace.descriptors, LogSpace.infos, LogSpace.texts] {
      var space = LogSpace(ring)
      space.cut(pageAt: part)
      let (lines, losses) = try space.lines()
      #expect(lines.count > 50 && lines.count < 250)
      #expect(lines.last == "[    0.000000] record 249")
      #expect(losses.count == 1)
      let lost = losses.first.flatMap { $0.split(separator: " ").first }.flatMap { Int($0) } ?? 0
      // A descriptor of the lost page may have been free.
      #expect(lines.count + lost >= 250 && lines.count + lost <= 256)
    }
  }

  @Test func `wild places are no trap`() throws {
    for value in [0, 1, 0x7fff_ffff_ffff_ffff, .max, 0xffff_ffff_ffff_fff0, 0x8000_0000_0000_0000] as [UInt64] {
      for part in stride(from: 0, to: UInt64(88), by: 8) where part != 0 && part != 48 {
        var space = LogSpace(ring())
        space.store(value, at: LogSpace.ring + part)
        _ = try? space.lines()
      }
      for part in stride(from: 0, to: UInt64(24 * 16), by: 8) {
        var space = LogSpace(ring(16))
        space.store(value, at: LogSpace.descriptors + part)
        let (lines, _) = try space.lines()
        #expect(lines.count >= 14)
      }
      for part in stride(from: 0, to: UInt64(512), by: 8) {
        var buffer = LogBuffer(size: 512)
        for number in 0..<UInt64(40) { buffer.write("record \(number)", at: number) }
        var space = LogSpace(buffer)
        space.store(value, at: LogSpace.texts + part)
        #expect(try space.lines().lines.count <= 40)
      }
    }
  }

  @Test func `the older buffer's record that leads nowhere, or back, ends the log`() throws {
    var buffer = LogBuffer(size: 512)
    for number in 0..<UInt64(5) { buffer.write("record \(number)", at: number) }
    for length in [1, 15, 0xffff] as [UInt64] {
      var space = LogSpace(buffer)
      // The second record begins at byte 24.
      space.store(length | 8 << 16, at: LogSpace.texts + 24 + 8)
      let (lines, losses) = try space.lines()
      #expect(lines == ["[    0.000000] record 0"])
      #expect(losses.count == 1 && losses[0].contains("the record at byte 24"))
    }
    var space = LogSpace(buffer)
    space.host.poke(400, at: LogSpace.bufferVariables + 16)
    #expect(try space.lines().losses.count == 1)
    space.host.poke(4000, at: LogSpace.bufferVariables + 16)
    #expect(try space.lines().losses.count == 1)
  }

  @Test func `keys that are missing or cannot be are named`() throws {
    var space = LogSpace(ring())
    let keys = space.keys
    space.keys = ""
    #expect(throws: KernelLogFault.noLog) { try space.log() }
    space.keys = keys.replacing("SIZE(prb_desc)=24", with: "SIZE(prb_desc)=0")
    #expect(throws: KernelLogFault.badKey("SIZE(prb_desc)", value: "0")) { try space.log() }
    space.keys = keys.replacing("OFFSET(printk_info.seq)=0", with: "OFFSET(printk_info.seq)=-8")
    #expect(throws: KernelLogFault.badKey("OFFSET(printk_info.seq)", value: "-8")) { try space.log() }
    space.keys = keys.replacing("OFFSET(printk_info.seq)=0\n", with: "")
    #expect(throws: KernelLogFault.badKey("OFFSET(printk_info.seq)", value: nil)) { try space.log() }
    space.keys = keys.replacing("SYMBOL(prb)=", with: "SYMBOL(prb)=zz")
    #expect(throws: KernelLogFault.self) { try space.log() }
    space.keys = LogBuffer(size: 64).keys(pointer: 1, variables: 1) + "SYMBOL(log_end)=1\n"
    #expect(throws: KernelLogFault.plainText) { try space.log() }
  }
}
