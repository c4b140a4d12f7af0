/// Why a kernel's symbols cannot be had.
enum KernelSymbolsFault: Error, Equatable, Sendable {
  /// VMCOREINFO lacks it: a kernel before 6.0, or one built without kallsyms.
  case noKey(String)
  case unreadable(table: String, KernelReadFault)
  /// kallsyms_num_syms, and where it stands.
  case count(Int, at: VirtualAddress)
  /// kallsyms_token_index at this address does not ascend, or the texts do not end where it says.
  case tokens(at: VirtualAddress)
  /// A name that does not parse, by its number and where it begins.
  case name(Int, at: VirtualAddress)
  /// The names from here on take more than 64 MB.
  case namesTooLong(at: VirtualAddress)
  /// Of so many symbols that VMCOREINFO names too, no form of the table of addresses gives more than these.
  case unproven(agreeing: Int, of: Int)
  /// No tables by content in so many pages of the kernel's image; of others the dump lacks the bytes.
  case notFound(pages: Int, missing: Int)
}

extension KernelSymbolsFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noKey(let key): "VMCOREINFO lacks \(key)"
    case .unreadable(let table, let fault): "\(table): \(fault)"
    case .count(let count, let address): "kallsyms_num_syms at \(address) is \(count)"
    case .tokens(let address): "kallsyms_token_index at \(address) does not fit its texts"
    case .name(let number, let address): "kallsyms_names: name \(number) at \(address) does not parse"
    case .namesTooLong(let address): "kallsyms_names at \(address) has no end"
    case .unproven(let agreeing, let count):
      "kallsyms gives \(agreeing) of the \(count) addresses that VMCOREINFO has too, in its best form"
    case .notFound(let pages, let missing):
      "no kallsyms in \(pages) pages of the kernel's image; \(missing) more are not in the dump"
    }
  }
}

extension KernelSymbolsFault {
  /// The kernel may have its names, and the dump does not show them; else it has none.
  var isDamage: Bool {
    switch self {
    case .noKey, .notFound(_, missing: 0): false
    default: true
    }
  }
}
