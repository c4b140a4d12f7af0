/// The tables of kallsyms as they stand in a kernel's image, one after the other, each at a multiple of 8.
/// Source: scripts/kallsyms.c, write_src, of 5.10, 6.1, 6.12 and 7.3.
public struct KallsymsTables: Sendable {
  /// Name of a table without `kallsyms_`, and its bytes from the start of the first.
  let places: [(name: String, bytes: Range<UInt64>)]
  public let bytes: [UInt8]

  /// - Parameters:
  ///   - symbols: ascending by value, those of per-CPU areas first.
  ///   - isPerCPU: by symbol: whether the value is that of a per-CPU area.
  ///   - address: virtual address of the first table.
  ///   - base: `relative_base`.
  init(
    _ symbols: [(symbol: KernelSymbol, isPerCPU: Bool, code: [UInt8]?)], form: KallsymsForm, hasOffsetsLast: Bool,
    address: UInt64, base: UInt64
  ) {
    let tokens = FillerSymbols.tokens
    var names: [UInt8] = []
    var markers: [UInt8] = []
    for (index, entry) in symbols.enumerated() {
      if index % 256 == 0 { markers += LittleEndian.bytes(UInt32(names.count)) }
      let code = entry.code ?? tokens.encode(entry.symbol.text)
      if code.count > 127 {
        names += [UInt8(code.count & 127) | 128, UInt8(code.count >> 7)]
      } else {
        names.append(UInt8(code.count))
      }
      names += code
    }
    var table: [UInt8] = []
    var index: [UInt8] = []
    for text in tokens.texts {
      index += LittleEndian.bytes(UInt16(table.count))
      table += text + [0]
    }
    let values = symbols.map { ($0.symbol.value, $0.isPerCPU) }
    let nameTables = [
      ("num_syms", LittleEndian.bytes(UInt32(symbols.count))), ("names", names), ("markers", markers),
      ("token_table", table), ("token_index", index),
    ]
    let empty = [UInt8](repeating: 0, count: values.count * (form == .addresses ? 8 : 4))
    var tables = [(form == .addresses ? "addresses" : "offsets", empty)]
    if form == .perCPU || form == .plain { tables.append(("relative_base", LittleEndian.bytes(base))) }
    tables = hasOffsetsLast ? nameTables + tables : tables + nameTables
    var places: [(name: String, bytes: Range<UInt64>)] = []
    var bytes: [UInt8] = []
    for (name, content) in tables {
      places.append((name, UInt64(bytes.count)..<UInt64(bytes.count + content.count)))
      if content.count == empty.count && (name == "offsets" || name == "addresses") {
        let own = address + UInt64(bytes.count)
        bytes += values.enumerated().flatMap { place, value in
          KallsymsTables.entry(value.0, isPerCPU: value.1, form: form, own: own + UInt64(place) * 4, base: base)
        }
      } else {
        bytes += content
      }
      bytes += [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
    }
    self.places = places
    self.bytes = bytes
  }

  private static func entry(
    _ value: UInt64, isPerCPU: Bool, form: KallsymsForm, own: UInt64, base: UInt64
  ) -> [UInt8] {
    switch form {
    case .perCPU: LittleEndian.bytes(UInt32(truncatingIfNeeded: isPerCPU ? value : base &- 1 &- value))
    case .plain: LittleEndian.bytes(UInt32(truncatingIfNeeded: value &- base))
    case .entry: LittleEndian.bytes(UInt32(truncatingIfNeeded: value &- own))
    case .addresses: LittleEndian.bytes(value)
    }
  }
}
