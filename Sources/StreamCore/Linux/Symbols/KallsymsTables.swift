/// kallsyms' tables as they were read, before it is known which form the addresses have.
struct KallsymsTables {
  let names: KallsymsNames
  private(set) var forms: [KallsymsAddresses] = []

  init(names: KallsymsNames) { self.names = names }

  /// The tables where VMCOREINFO says that they are. Source: kernel/vmcore_info.c.
  init(_ kernel: LinuxKernel, keys: VMCoreInfo, _ workers: Workers = .alone) throws(KernelSymbolsFault) {
    func symbol(_ name: String) throws(KernelSymbolsFault) -> VirtualAddress {
      guard let address = keys.symbol(name) else { throw .noKey("SYMBOL(\(name))") }
      return address
    }
    func read(_ name: String, _ count: Int) throws(KernelSymbolsFault) -> [UInt8] {
      let address = try symbol(name)
      do throws(KernelReadFault) { return try kernel.read(address, count: count) } catch {
        throw .unreadable(table: name, error)
      }
    }
    let count = Int(try read("kallsyms_num_syms", 4).load(0, as: UInt32.self) ?? 0)
    guard (1...KallsymsNames.symbolLimit).contains(count) else {
      throw .count(count, at: try symbol("kallsyms_num_syms"))
    }
    let index = try read("kallsyms_token_index", KallsymsTokens.indexBytes)
    guard let last = KallsymsTokens.starts(index)?.last else { throw .tokens(at: try symbol("kallsyms_token_index")) }
    // Where the last text ends is not known before, and behind it nothing need be mapped.
    let texts = kernel.readable(try symbol("kallsyms_token_table"), upTo: last + KallsymsTokens.stepLimit)
    guard let tokens = KallsymsTokens(index: index, table: texts.bytes) else {
      if let fault = texts.fault { throw .unreadable(table: "kallsyms_token_table", fault) }
      throw .tokens(at: try symbol("kallsyms_token_index"))
    }
    // The texts stand behind the names. Source: scripts/kallsyms.c, write_src.
    names = try KallsymsNames(
      at: try symbol("kallsyms_names"), before: try symbol("kallsyms_token_table"), count: count, tokens: tokens,
      kernel: kernel, workers: workers)
    func table(_ name: String, entry: Int) throws(KernelSymbolsFault) -> VirtualAddress {
      let address = try symbol(name)
      do throws(KernelReadFault) {
        _ = try kernel.integer(address, size: entry)
        _ = try kernel.integer(address &+ UInt64((count - 1) * entry), size: entry)
      } catch { throw .unreadable(table: name, error) }
      return address
    }
    if keys.symbol("kallsyms_offsets") == nil, keys.symbol("kallsyms_addresses") != nil {
      let place = try table("kallsyms_addresses", entry: 8)
      forms = [KallsymsAddresses(form: .absolute, table: place, kernel: kernel)]
      return
    }
    let place = try table("kallsyms_offsets", entry: 4)
    var found: [KallsymsForm] = [.toEntry(table: place.rawValue)]
    if keys.symbol("kallsyms_relative_base") != nil {
      let base = try read("kallsyms_relative_base", 8).load(0, as: UInt64.self) ?? 0
      found = [.absolutePerCPU(base: base), .relative(base: base)]
    }
    forms = found.map { KallsymsAddresses(form: $0, table: place, kernel: kernel) }
  }

  /// Takes in what can be read as the table of addresses beside tables that were found by content: before
  /// kallsyms_num_syms (up to 6.3), or behind kallsyms_token_index. Source: scripts/kallsyms.c, write_src.
  mutating func addForms(count: VirtualAddress, behind: VirtualAddress, kernel: LinuxKernel) {
    let narrow = (names.count * 4 + 7) & ~7
    let wide = names.count * 8
    if let bytes = try? kernel.read(count &- UInt64(narrow + 8), count: narrow + 8) {
      forms += Self.based(bytes.load(narrow) ?? 0, bytes)
    }
    let after = kernel.readable(behind, upTo: max(narrow + 8, wide)).bytes
    if let base: UInt64 = after.load(narrow) { forms += Self.based(base, after) }
    forms.append(KallsymsAddresses(form: .toEntry(table: behind.rawValue), values: after))
    forms.append(KallsymsAddresses(form: .absolute, values: after))
    if let bytes = try? kernel.read(count &- UInt64(wide), count: wide) {
      forms.append(KallsymsAddresses(form: .absolute, values: bytes))
    }
  }

  private static func based(_ base: UInt64, _ values: [UInt8]) -> [KallsymsAddresses] {
    [
      KallsymsAddresses(form: .absolutePerCPU(base: base), values: values),
      KallsymsAddresses(form: .relative(base: base), values: values),
    ]
  }
}
