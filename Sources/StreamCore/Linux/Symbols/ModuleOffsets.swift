/// Where the members stand that lead to a module's symbols, by the kernel's types; bytes from the start of the
/// structure. Source: include/linux/module.h.
struct ModuleOffsets: Sendable, Equatable {
  /// Of `struct module`: its node in the list `modules`.
  var list: UInt64
  /// Of `struct module`: its name, and how many bytes that has at most, the NUL included.
  var name: UInt64
  var nameBytes = 56
  /// Of `struct module`: the pointer to its `struct mod_kallsyms`.
  var kallsyms: UInt64
  /// Of `struct mod_kallsyms`: pointer to the symbols, their number (4 bytes), pointer to their names.
  var symtab: UInt64
  var numSymtab: UInt64
  var strtab: UInt64
  /// Of `struct mod_kallsyms`: pointer to the symbols' type letters, since 5.2. Per-CPU variables are told by them.
  var typetab: UInt64?
}

extension ModuleOffsets {
  /// By the kernel's types.
  init(_ types: KernelTypes) throws(TypeFault) {
    func offset(_ path: String) throws(TypeFault) -> UInt64 { UInt64(try types.member(path).offset) }
    let name = try types.member("module.name")
    self.init(
      list: try offset("module.list"), name: UInt64(name.offset), nameBytes: name.size,
      kallsyms: try offset("module.kallsyms"), symtab: try offset("mod_kallsyms.symtab"),
      numSymtab: try offset("mod_kallsyms.num_symtab"), strtab: try offset("mod_kallsyms.strtab"),
      typetab: try? offset("mod_kallsyms.typetab"))
  }
}
