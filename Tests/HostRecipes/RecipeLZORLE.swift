/// LZO1X with runs of zeros as the kernel writes it, in its simplest forms: literals, runs of zeros, and matches of up to
/// 48 bytes before. Source: Linux Documentation/staging/lzo.rst.
enum RecipeLZORLE {
  /// `nil` when it is not smaller than the page.
  static func compress(_ page: [UInt8]) -> [UInt8]? {
    var out: [UInt8] = [17, 1]
    var literals: ArraySlice<UInt8> = page[0..<8]
    var at = 8
    var isFirst = true
    func flush() {
      guard !literals.isEmpty else { return }
      let count = literals.count
      if isFirst, count <= 238 {
        out.append(UInt8(17 + count))
      } else if count <= 18 {
        out.append(UInt8(count - 3))
      } else {
        out.append(0)
        length(count - 18)
      }
      out += literals
      literals = []
      isFirst = false
    }
    func length(_ rest: Int) {
      var rest = rest
      while rest > 255 {
        out.append(0)
        rest -= 255
      }
      out.append(UInt8(rest))
    }
    while at < page.count {
      let zeros = page[at...].prefix(2048).prefix { $0 == 0 }.count / 8 * 8
      if zeros >= 16 {
        flush()
        let rest = zeros - 4
        out += [0x18 | UInt8(rest & 7), 0xfc, 0xff, UInt8(rest >> 3)]
        at += zeros
        continue
      }
      var same = 0
      var distance = 0
      for tried in stride(from: 8, through: 48, by: 8) where same < 40 && tried <= at {
        same = 0
        distance = tried
        while at + same < page.count, page[at + same] == page[at + same - tried], same < 1024 { same += 1 }
      }
      same = same / 8 * 8
      if same >= 40 {
        flush()
        out.append(32)
        length(same - 33)
        out += [UInt8((distance - 1) << 2), 0]
        at += same
        continue
      }
      literals = page[(at - literals.count)..<at + 8]
      at += 8
    }
    flush()
    out += [17, 0, 0]
    return out.count < page.count ? out : nil
  }
}
