/// The symbols of a vmlinux, moved to where the kernel runs.
struct FileSymbols: SymbolSource {
  private let table: ObjectSymbols
  private let shift: UInt64
  /// Where per-CPU variables stand in the image, as `KernelSymbols` says.
  private let perCPU: Range<UInt64>?
  private let expected: Set<String>
  private let found: [String: [ObjectSymbols.Value]]

  private static let bounds = ["__per_cpu_start", "__per_cpu_end"]

  /// - Parameter expected: names that will be asked for, so that one pass finds all.
  init(_ table: ObjectSymbols, shift: UInt64, expecting expected: Set<String>) {
    self.table = table
    self.shift = shift
    self.expected = expected
    found = table.values(of: expected.union(Self.bounds))
    let bounds = Self.bounds.compactMap { [found] in found[$0]?.first?.value }.filter { $0 >> 63 == 1 }
    perCPU = bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil
  }

  func values(of wanted: Set<String>) -> [String: [SymbolValue]] {
    let values = wanted.isSubset(of: expected) ? found.filter { wanted.contains($0.key) } : table.values(of: wanted)
    return values.mapValues { values in
      var all: [SymbolValue] = []
      for value in values.map({ told($0.value) }) where !all.contains(value) { all.append(value) }
      return all
    }
  }

  func symbol(before address: VirtualAddress) -> NearestSymbol? {
    table.symbol(before: address.rawValue &- shift)
  }

  private func told(_ value: UInt64) -> SymbolValue {
    guard value >> 63 == 1 else { return .perCPU(value) }
    let moved = value &+ shift
    return perCPU?.contains(value) == true ? .perCPU(moved) : .address(VirtualAddress(rawValue: moved))
  }
}

/// A kernel's own symbols, and where they lack one or have it wrong, those of its vmlinux.
struct FilledSymbols: SymbolSource {
  /// `nil` where the dump does not show them.
  private let own: KernelSymbols?
  /// Why not.
  private let fault: KernelSymbolsFault?
  private let others: FileSymbols
  private let file: KernelFile

  init(_ own: Result<KernelSymbols, KernelSymbolsFault>, _ others: FileSymbols, _ file: KernelFile) {
    switch own {
    case .success(let symbols): (self.own, fault) = (symbols, nil)
    case .failure(let why): (self.own, fault) = (nil, why)
    }
    self.others = others
    self.file = file
  }

  func values(of wanted: Set<String>) -> [String: [SymbolValue]] {
    var values = own?.values(of: wanted) ?? [:]
    for (name, others) in others.values(of: wanted) {
      let own = values[name] ?? []
      // Of one name either may have fewer.
      guard Set(own).isDisjoint(with: others) else { continue }
      file.log.note(file.file, gives: "symbols", because: why(name, own))
      values[name] = others
    }
    return values
  }

  private func why(_ name: String, _ values: [SymbolValue]) -> String {
    if let fault { return "\(fault)" }
    if !values.isEmpty { return "kallsyms has another \(name)" }
    return own?.fault(of: name).map { "the address of \(name): \($0)" } ?? "kallsyms has no \(name)"
  }

  func fault(of name: String) -> KernelReadFault? { own?.fault(of: name) }

  func symbol(before address: VirtualAddress) -> NearestSymbol? {
    own?.symbol(before: address) ?? others.symbol(before: address)
  }
}
