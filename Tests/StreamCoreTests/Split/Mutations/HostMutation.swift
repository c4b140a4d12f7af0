import HostModel
import HostRecipes

/// What is wrong with a host: bytes in one of its structures, or words that lead elsewhere. It follows from a number alone.
struct HostMutation: CustomStringConvertible {
  let description: String
  private(set) var changes: [(address: UInt64, bytes: [UInt8])] = []

  init(_ number: Int, of subject: MutableHost) {
    var random = SplitMix64(seed: SplitMix64.mix(UInt64(number)))
    guard random.below(4) != 0 else {
      description = "\(number): pointers"
      swapPointers(of: subject, &random)
      return
    }
    // Each kind of structure gets its share, however many bytes it has.
    let names = subject.targets.keys.sorted()
    let name = names[Int(random.below(UInt64(names.count)))]
    let all = subject.targets[name] ?? []
    let structure = all[Int(random.below(UInt64(all.count)))]
    let kind = random.below(5)
    description = "\(number): \(name) of \(structure.owner), kind \(kind)"
    switch kind {
    case 0: flipBits(in: structure, subject, &random)
    case 1:
      let (part, at) = place(in: structure, 1, &random)
      fill(at..<min(part.upperBound, at + 1 + random.below(64)), &random)
    case 2: for part in structure.parts { fill(part, &random) }
    case 3:
      let byte: UInt8 = random.below(2) == 0 ? 0 : 0xff
      for part in structure.parts { changes.append((part.lowerBound, [UInt8](repeating: byte, count: part.count))) }
    default:
      let (part, at) = place(in: structure, 8, &random)
      changes.append((at, Array(LittleEndian.bytes(word(subject, &random)).prefix(Int(part.upperBound - at)))))
    }
  }

  /// What no pointer can be, and what leads somewhere.
  private func word(_ subject: MutableHost, _ random: inout SplitMix64) -> UInt64 {
    let host = subject.host
    let some = subject.pointers[Int(random.below(UInt64(subject.pointers.count)))]
    let words: [UInt64] = [
      0, 1, .max, 1 << 63, 1 << 47, 0x7fff_ffff_f000, host.kernel.directMap, host.kernel.virtual(some),
      host.memory.load(some), host.kernel.virtual(some & ~0xfff), random.next(), random.below(1 << 16),
    ]
    return words[Int(random.below(UInt64(words.count)))]
  }

  /// Objects that are others, or that stand in circles.
  private mutating func swapPointers(of subject: MutableHost, _ random: inout SplitMix64) {
    for _ in 0...random.below(3) {
      let place = subject.pointers[Int(random.below(UInt64(subject.pointers.count)))]
      changes.append((place, LittleEndian.bytes(word(subject, &random))))
    }
  }

  private mutating func flipBits(in structure: BuiltStructure, _ subject: MutableHost, _ random: inout SplitMix64) {
    for _ in 0...random.below(4) {
      let (_, at) = place(in: structure, 1, &random)
      changes.append((at, [subject.host.memory.bytes(at: at, count: 1)[0] ^ UInt8(1 << random.below(8))]))
    }
  }

  private mutating func fill(_ range: Range<UInt64>, _ random: inout SplitMix64) {
    changes.append((range.lowerBound, range.map { _ in UInt8(truncatingIfNeeded: random.next()) }))
  }

  private func place(
    in structure: BuiltStructure, _ alignment: UInt64, _ random: inout SplitMix64
  ) -> (part: Range<UInt64>, at: UInt64) {
    let part = structure.parts[Int(random.below(UInt64(structure.parts.count)))]
    return (part, part.lowerBound + random.below(UInt64(part.count)) / alignment * alignment)
  }
}
