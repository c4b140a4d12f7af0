/// Where the members stand that lead to a module's symbols, by the kernel's types; bytes from the start of the structure.
/// Source: include/linux/module.h.
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
