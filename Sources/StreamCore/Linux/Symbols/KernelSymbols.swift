/// A kernel's own symbols: its kallsyms.
///
/// The tables are kept as they stand, some MB, and names are looked for in one pass over them; nothing is kept of a
/// symbol that nobody asks for. They count only where they give the addresses that VMCOREINFO has too.
/// Source: kernel/kallsyms.c; kernel/vmcore_info.c; Documentation/kvm.md §5.2, §9.
struct KernelSymbols: SymbolSource {
  /// How the tables were found.
  enum Way: Sendable, Equatable {
    /// VMCOREINFO says where they stand. Linux 6.0 and newer.
    case keys
    /// They were looked for in the kernel's image.
    case content
  }

  let way: Way
  let form: KallsymsForm
  /// Symbols that the tables have.
  var count: Int { names.count }

  private let names: KallsymsNames
  private let addresses: KallsymsAddresses
  /// Where per-CPU variables stand in the image: since 6.15 their symbols' values are addresses of it.
  private let perCPU: Range<UInt64>?
  /// The names that were looked for when the form was proven, and the numbers of those that there are.
  private let expected: Set<String>
  private let found: [String: [Int]]
  /// Symbols of one address that are looked at for the first of them.
  private static let aliasLimit = 64

  /// The tables where VMCOREINFO's keys say.
  /// - Parameter expected: names that will be asked for: they are found in the pass that proves the form.
  /// - Throws: what is missing, or that no form of the tables agrees with what VMCOREINFO says.
  init(
    of kernel: LinuxKernel, vmcoreinfo: VMCoreInfo, expecting expected: Set<String> = [], workers: Workers = .alone
  ) throws(KernelSymbolsFault) {
    try self.init(try KallsymsTables(kernel, keys: vmcoreinfo, workers), .keys, vmcoreinfo, expected, workers)
  }

  /// The tables by their content: reads all of the kernel's image that its page tables map.
  init(
    searching kernel: LinuxKernel, vmcoreinfo: VMCoreInfo, expecting expected: Set<String> = [],
    workers: Workers = .alone
  ) throws(KernelSymbolsFault) {
    var search = KallsymsSearch(kernel, workers)
    self = try search.first { tables throws(KernelSymbolsFault) in
      try KernelSymbols(tables, .content, vmcoreinfo, expected, workers)
    }
  }

  /// The values of the names that there are, in one pass. A name that stands several times has each of its different
  /// values, in the order of the tables.
  func values(of wanted: Set<String>) -> [String: [SymbolValue]] {
    let places = wanted.isSubset(of: expected) ? found.filter { wanted.contains($0.key) } : names.find(wanted)
    return places.mapValues { places in
      var values: [SymbolValue] = []
      for place in places {
        if let value = addresses[place].map(told), !values.contains(value) { values.append(value) }
      }
      return values
    }
  }

  /// Why the value of a name is not known that the tables have.
  func fault(of name: String) -> KernelReadFault? {
    let places = expected.contains(name) ? found[name] : names.find([name])[name]
    return places?.lazy.compactMap { addresses.fault(at: $0) }.first
  }

  /// The first of those that stand at the highest address not above this one: the tables are in order of address.
  func symbol(before address: VirtualAddress) -> NearestSymbol? {
    func value(_ place: Int) -> UInt64? {
      guard case .address(let own) = addresses[place] else { return nil }
      return own.rawValue
    }
    // Per-CPU symbols, whose values are no addresses, stand first.
    var (low, high) = (0, names.count)
    while low < high {
      let middle = low + (high - low) / 2
      if value(middle) ?? 0 <= address.rawValue { low = middle + 1 } else { high = middle }
    }
    guard low > 0, let found = value(low - 1), found <= address.rawValue else { return nil }
    var first = low - 1
    while first > 0, low - first < Self.aliasLimit, value(first - 1) == found { first -= 1 }
    return names.name(at: first).map { NearestSymbol(name: $0, offset: address.rawValue - found) }
  }

  private func told(_ value: SymbolValue) -> SymbolValue {
    if case .address(let address) = value, let perCPU, perCPU.contains(address.rawValue) {
      return .perCPU(address.rawValue)
    }
    return value
  }
}

extension KernelSymbols {
  /// Symbols that must agree, at least.
  private static let proofs = 2
  private static let bounds = ["__per_cpu_start", "__per_cpu_end"]

  /// The first form of the tables that gives every address that VMCOREINFO has too.
  private init(
    _ tables: KallsymsTables, _ way: Way, _ vmcoreinfo: VMCoreInfo, _ expected: Set<String>, _ workers: Workers
  ) throws(KernelSymbolsFault) {
    // Outside of the image VMCOREINFO has what a variable holds, not where it is, as for mem_section.
    let known = vmcoreinfo.symbols.filter { LinuxKernel.isImageOrModule($0.value) }
    let found = tables.names.find(Set(known.keys).union(Self.bounds).union(expected), workers)
    let truth = known.compactMap { name, address in
      found[name].map { (places: $0, address: address) }
    }
    var best = 0
    for addresses in tables.forms {
      let agreeing = truth.filter { one in one.places.contains { addresses[$0] == .address(one.address) } }
      best = max(best, agreeing.count)
      guard agreeing.count == truth.count, Set(agreeing.map(\.address)).count >= Self.proofs else { continue }
      let bounds = Self.bounds.compactMap { name -> UInt64? in
        guard let place = found[name]?.first, case .address(let address) = addresses[place] else { return nil }
        return address.rawValue
      }
      let area = bounds.count == 2 ? bounds[0]..<max(bounds[0], bounds[1]) : nil
      // A damaged bound would make per-CPU variables of everything.
      if let area, agreeing.contains(where: { area.contains($0.address.rawValue) }) { continue }
      perCPU = area
      self.expected = expected
      self.found = found
      names = tables.names
      self.addresses = addresses
      form = addresses.form
      self.way = way
      return
    }
    throw .unproven(agreeing: best, of: truth.count)
  }
}

extension KernelSymbols.Way: CustomStringConvertible {
  var description: String {
    switch self {
    case .keys: "kallsyms by VMCOREINFO"
    case .content: "kallsyms by content"
    }
  }
}
