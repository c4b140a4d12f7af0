/// The symbols of one loaded module: its ELF symbol table as the kernel keeps it.
/// Source: include/linux/module.h, struct mod_kallsyms; kernel/module/kallsyms.c; elf(5), Elf64_Sym;
/// Documentation/kvm.md §5.4.
struct ModuleSymbols: SymbolSource {
  /// Of one module; kvm has 5,000.
  static let symbolLimit = 1 << 20
  /// Bytes of all names at most.
  static let nameLimit = 64 << 20
  /// Of one name, the NUL included. Source: KSYM_NAME_LEN, 6.1.
  private static let longestName = 512
  private static let symbolBytes = 24

  /// Entries of the table, those without a name included.
  var count: Int { symbols.count / Self.symbolBytes }
  /// What ends the names before the last symbol's: symbols whose names lie behind it are not found.
  let unread: KernelReadFault?

  private let symbols: [UInt8]
  private let names: [UInt8]
  /// Type letters, empty where the kernel keeps none.
  private let types: [UInt8]

  /// - Parameter module: a `struct module`.
  init(of module: VirtualAddress, kernel: LinuxKernel, offsets: ModuleOffsets) throws(ModuleSymbolsFault) {
    func pointer(_ address: VirtualAddress) throws(KernelReadFault) -> VirtualAddress {
      VirtualAddress(rawValue: try kernel.integer(address, size: 8))
    }
    let count: Int
    let text: VirtualAddress
    let start: VirtualAddress
    let letters: VirtualAddress?
    do throws(KernelReadFault) {
      let tables = try pointer(module &+ offsets.kallsyms)
      start = try pointer(tables &+ offsets.symtab)
      count = Int(try kernel.integer(tables &+ offsets.numSymtab, size: 4))
      text = try pointer(tables &+ offsets.strtab)
      letters = try offsets.typetab.map { offset throws(KernelReadFault) in try pointer(tables &+ offset) }
    } catch { throw .unreadable("mod_kallsyms of \(module)", error) }
    guard count <= Self.symbolLimit else { throw .count(count, of: module) }
    do throws(KernelReadFault) {
      symbols = try kernel.read(start, count: count * Self.symbolBytes)
      types = try letters.map { address throws(KernelReadFault) in try kernel.read(address, count: count) } ?? []
    } catch { throw .unreadable("symbols of \(module)", error) }
    let table = symbols
    let last = (0..<count).map { Self.nameOffset(table, $0) }.filter { $0 < Self.nameLimit }.max() ?? 0
    // The last name's end is not known, and what is behind it need not be mapped.
    let found = kernel.readable(text, upTo: min(last + Self.longestName, Self.nameLimit))
    names = found.bytes
    let isWhole = found.bytes.count > last && found.bytes[last...].contains(0)
    unread = isWhole ? nil : found.fault
  }

  private static func nameOffset(_ symbols: [UInt8], _ number: Int) -> Int {
    Int(symbols.load(number * symbolBytes, as: UInt32.self) ?? 0)
  }

  /// The values of the names that there are, in one pass; a name that stands several times has each of its different
  /// values. Symbols that the module only uses are not its own, and left out.
  func values(of wanted: Set<String>) -> [String: [SymbolValue]] {
    // Few are wanted, and most of a module's names begin alike: comparing costs less than hashing.
    let wanted = wanted.map { (name: $0, bytes: Array($0.utf8) + [0]) }
    var found: [String: [SymbolValue]] = [:]
    for number in 0..<count {
      let start = Self.nameOffset(symbols, number)
      for (name, bytes) in wanted where isName(bytes, at: start) {
        guard let section: UInt16 = symbols.load(number * Self.symbolBytes + 6), section != 0,
          let value: UInt64 = symbols.load(number * Self.symbolBytes + 8)
        else { continue }
        let told = told(value, number)
        if found[name]?.contains(told) != true { found[name, default: []].append(told) }
      }
    }
    return found
  }

  /// - Parameter bytes: of a name, with the NUL behind it.
  private func isName(_ bytes: [UInt8], at start: Int) -> Bool {
    start < names.count && bytes.count <= names.count - start && names[start] == bytes[0]
      && names[start + bytes.count - 1] == 0 && names[start..<start + bytes.count].elementsEqual(bytes)
  }

  /// The function or variable that an address lies in, by their sizes. Symbols that the module only uses have none.
  func symbol(around address: VirtualAddress) -> NearestSymbol? {
    for number in 0..<count {
      guard let value: UInt64 = symbols.load(number * Self.symbolBytes + 8), value <= address.rawValue,
        let size: UInt64 = symbols.load(number * Self.symbolBytes + 16), address.rawValue - value < size
      else { continue }
      let start = Self.nameOffset(symbols, number)
      guard start < names.count,
        let end = names[start..<min(names.count, start + Self.longestName)].firstIndex(of: 0), end > start
      else { continue }
      let name = String(decoding: names[start..<end], as: UTF8.self)
      return NearestSymbol(name: name, offset: address.rawValue - value)
    }
    return nil
  }

  /// Letter `a` is per-CPU or absolute. Source: kernel/module/kallsyms.c, elf_type.
  private func told(_ value: UInt64, _ number: Int) -> SymbolValue {
    let isPerCPU = number < types.count && types[number] == UInt8(ascii: "a")
    return isPerCPU || value >> 63 == 0 ? .perCPU(value) : .address(VirtualAddress(rawValue: value))
  }
}

/// Why a module's symbols cannot be had.
enum ModuleSymbolsFault: Error, Equatable, Sendable {
  case unreadable(String, KernelReadFault)
  /// num_symtab of this `struct module`.
  case count(Int, of: VirtualAddress)
}

extension ModuleSymbolsFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .unreadable(let what, let fault): "\(what): \(fault)"
    case .count(let count, let module): "the module at \(module) has \(count) symbols"
    }
  }
}
