/// Who knows the symbols of a kernel.
protocol SymbolSource: Sendable {
  /// The values of the names that there are. A name that stands several times has each of its different values.
  func values(of wanted: Set<String>) -> [String: [SymbolValue]]
  /// Why the value of a name is not known that there is.
  func fault(of name: String) -> KernelReadFault?
  /// The symbol that an address stands behind, where that is known.
  func symbol(before address: VirtualAddress) -> NearestSymbol?
}

/// The symbol that an address belongs to, as far as the order of addresses tells.
struct NearestSymbol: Sendable, Equatable {
  let name: String
  /// Bytes from the symbol to the address.
  let offset: UInt64
}

extension NearestSymbol: CustomStringConvertible {
  var description: String { "\(name)+\(hex(offset))" }
}

extension SymbolSource {
  func fault(of name: String) -> KernelReadFault? { nil }
  func symbol(before address: VirtualAddress) -> NearestSymbol? { nil }

  /// The addresses of the names that have just one: none of per-CPU variables, and none of names that stand for several
  /// things, which `values` has.
  func addresses(of wanted: Set<String>) -> [String: VirtualAddress] {
    values(of: wanted).compactMapValues { values in
      guard values.count == 1, case .address(let address) = values[0] else { return nil }
      return address
    }
  }
}
