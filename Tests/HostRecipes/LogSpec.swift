import HostModel

/// What a kernel has logged, a line of the recipe for each record: `log NANOSECONDS TEXT`, the text as a process' texts
/// are, with "%20" for a space.
package struct LogSpec: Sendable {
  package var records: [(time: UInt64, text: [UInt8])] = []

  /// `nil`: the kernel has none.
  package var ring: PrintkRing? {
    guard !records.isEmpty else { return nil }
    var ring = PrintkRing(countBits: 6, sizeBits: 13)
    for record in records { ring.write(record.text, at: record.time) }
    return ring
  }

  mutating func take(_ words: inout RecipeWords) throws(RecipeMistake) {
    let time = try words.number("nanoseconds")
    records.append((time, ProcessSpec.bytes(try words.word("text"))))
  }
}
