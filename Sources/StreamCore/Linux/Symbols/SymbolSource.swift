/// Who knows the symbols of a kernel.
protocol SymbolSource: Sendable {
  /// The values of the names that there are. A name that stands several times has each of its different values.
  func values(of wanted: Set<String>) -> [String: [SymbolValue]]
  /// Why the value of a name is not known that there is.
  func fault(of name: String) -> KernelReadFault?
}

extension SymbolSource {
  func fault(of name: String) -> KernelReadFault? { nil }

  /// The addresses of the names that have just one: none of per-CPU variables, and none of names that stand for several
  /// things, which `values` has.
  func addresses(of wanted: Set<String>) -> [String: VirtualAddress] {
    values(of: wanted).compactMapValues { values in
      guard values.count == 1, case .address(let address) = values[0] else { return nil }
      return address
    }
  }
}
