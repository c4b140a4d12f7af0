import HostModel

/// kallsyms read back, by the keys of VMCOREINFO or found by content, in any of the four forms.
struct ToldSymbols {
  private(set) var values: [String: UInt64] = [:]
  private(set) var count = 0
  private(set) var longest = 0

  init?(_ memory: ToldMemory, form: KallsymsForm, byContent: Bool = false) {
    guard let places = byContent ? ToldSymbols.search(memory, form: form) : ToldSymbols.told(memory, form: form),
      let total = memory.number(places.number, 4)
    else { return nil }
    count = Int(total)
    let table = memory.bytes(places.tokens, 8192)
    let index = memory.bytes(places.index, 512)
    let tokens = (0..<256).map { code in
      Array(table[Int(RecipeReaders.le(index, code * 2, 2))...].prefix { $0 != 0 })
    }
    let names = memory.bytes(places.names, 1 << 17)
    let width = form == .addresses ? 8 : 4
    let offsets = memory.bytes(places.offsets, count * width)
    let base = places.base.flatMap { memory.number($0) } ?? 0
    var at = 0
    for entry in 0..<count {
      var size = Int(names[at])
      at += 1
      if size & 0x80 != 0 {
        size = size & 0x7f | Int(names[at]) << 7
        at += 1
      }
      let text = String(decoding: names[at..<at + size].flatMap { tokens[Int($0)] }, as: UTF8.self)
      at += size
      longest = max(longest, size)
      let raw = RecipeReaders.le(offsets, entry * width, width)
      values[String(text.dropFirst())] = ToldSymbols.value(
        raw, at: places.offsets + UInt64(entry * width), base: base, form: form)
    }
  }

  private static func value(_ raw: UInt64, at place: UInt64, base: UInt64, form: KallsymsForm) -> UInt64 {
    let signed = Int32(truncatingIfNeeded: raw)
    let wide = UInt64(bitPattern: Int64(signed))
    return switch form {
    case .addresses: raw
    case .plain: base &+ raw
    case .entry: place &+ wide
    case .perCPU: signed >= 0 ? raw : base &- 1 &- wide
    }
  }

  private typealias Places = (
    number: UInt64, names: UInt64, tokens: UInt64, index: UInt64, offsets: UInt64, base: UInt64?
  )

  private static func told(_ memory: ToldMemory, form: KallsymsForm) -> Places? {
    guard let number = memory.symbol("kallsyms_num_syms"), let names = memory.symbol("kallsyms_names"),
      let tokens = memory.symbol("kallsyms_token_table"), let index = memory.symbol("kallsyms_token_index"),
      let offsets = memory.symbol(form == .addresses ? "kallsyms_addresses" : "kallsyms_offsets")
    else { return nil }
    let base = memory.symbol("kallsyms_relative_base")
    guard (base != nil) == (form == .perCPU || form == .plain) else { return nil }
    return (number, names, tokens, index, offsets, base)
  }

  /// 256 ascending numbers, the texts in front of them, the names in front of those, all at multiples of 8.
  private static func search(_ memory: ToldMemory, form: KallsymsForm) -> Places? {
    guard let text = memory.symbol("_stext") else { return nil }
    let start = text + 0x10_0000
    let bytes = memory.bytes(start, 0x30_0000)
    func number(_ at: Int, _ width: Int) -> Int { Int(RecipeReaders.le(bytes, at, width)) }
    for index in stride(from: 0, to: bytes.count - 512, by: 8) where number(index, 2) == 0 && number(index + 2, 2) > 0 {
      let marks = (0..<256).map { number(index + $0 * 2, 2) }
      guard zip(marks, marks.dropFirst()).allSatisfy({ (1...512).contains($1 - $0) }) else { continue }
      let found = stride(from: index - 8, to: max(0, index - marks[255] - 600), by: -8).first { place in
        place + marks[255] < index && marks.dropFirst().allSatisfy { bytes[place + $0 - 1] == 0 }
      }
      guard let tokens = found else { continue }
      for head in stride(from: tokens - 8, to: max(0, tokens - (1 << 18)), by: -8) {
        let total = number(head, 4)
        guard (100..<100_000).contains(total), number(head + 4, 4) == 0 else { continue }
        var at = head + 8
        var left = total
        while left > 0 && at < tokens {
          let isLong = bytes[at] & 0x80 != 0
          at += isLong ? 2 + (Int(bytes[at]) & 0x7f | Int(bytes[at + 1]) << 7) : 1 + Int(bytes[at])
          left -= 1
        }
        let markers = (at + 7) / 8 * 8
        guard left == 0, (markers + (total + 255) / 256 * 4 + 7) / 8 * 8 == tokens else { continue }
        let size = (total * (form == .addresses ? 8 : 4) + 7) / 8 * 8
        let hasBase = form == .perCPU || form == .plain
        for offsets in [index + 512, head - size - (hasBase ? 8 : 0)] {
          let base = hasBase ? start + UInt64(offsets + size) : nil
          let width = form == .addresses ? 8 : 4
          // A symbol that VMCOREINFO names decides: _stext is among the first.
          let isRight = (0..<16).contains { entry in
            let at = offsets + entry * width
            guard at >= 0, let base = base == nil ? 0 : memory.number(base ?? 0) else { return false }
            let raw = RecipeReaders.le(bytes, at, width)
            return value(raw, at: start + UInt64(at), base: base, form: form) == text
          }
          guard isRight else { continue }
          return (
            start + UInt64(head), start + UInt64(head + 8), start + UInt64(tokens), start + UInt64(index),
            start + UInt64(offsets), base
          )
        }
      }
    }
    return nil
  }
}
