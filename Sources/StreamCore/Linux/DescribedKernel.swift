import Synchronization

/// A kernel that describes itself: symbols by its kallsyms, types by its BTF, and both of its modules. One pass over
/// the kernel's names makes it; types and modules are read when they are asked for.
///
/// A page that could not be read from the file is damaged here; whoever ends the step asks the file, as `ByteSource`
/// says. Source: Documentation/kvm.md §5.
struct DescribedKernel: Sendable {
  let kernel: LinuxKernel
  let symbols: any SymbolSource
  let types: KernelTypes
  private let moduleSymbols = ModuleSymbolCache()
  /// Files of modules that are loaded, which fill what the dump lacks of them.
  var moduleFiles: [String: ModuleFile] = [:]

  var reader: KernelReader { KernelReader(kernel: kernel, types: types) }

  private static let own: Set<String> = ["__start_BTF", "__stop_BTF", "btf_vmlinux", "btf_modules", "modules"]

  /// Ways to types of the kernel that need no search of all, for `init`. Source: include/linux/mm_types.h, sched.h,
  /// fs.h, module.h.
  static let leads: [String: [String]] = [
    "task_struct": ["mm_struct.owner"], "file": ["mm_struct.exe_file"], "file_operations": ["file.f_op"],
    "module": ["file_operations.owner"], "mod_kallsyms": ["module.kallsyms"], "inode": ["file.f_inode"],
    "cred": ["task_struct.cred"], "pid": ["task_struct.thread_pid"], "files_struct": ["task_struct.files"],
    "signal_struct": ["task_struct.signal"], "fdtable": ["files_struct.fdt"], "list_head": ["module.list"],
    "css_set": ["task_struct.cgroups"], "cgroup": ["css_set.dfl_cgrp"], "kernfs_node": ["cgroup.kn"],
    "cgroup_subsys_state": ["cgroup.self"], "dentry": ["file.f_path.dentry"],
    "nsproxy": ["task_struct.nsproxy"], "net": ["nsproxy.net_ns"], "sock": ["net.rtnl"], "socket": ["sock.sk_socket"],
  ]

  /// - Parameters:
  ///   - modules: whose types are wanted; those of the first are asked first. One that is not loaded may be built in.
  ///   - names: of symbols that will be asked for, so that one pass finds all.
  ///   - leads: where types can be found without a search, by their names: paths to a member that is of the type or
  ///     points at it, such as "kvm_vcpu" by "vcpu_vmx.vcpu". A lead that leads elsewhere does no harm.
  ///   - file: the kernel's vmlinux, for what the dump lacks.
  ///   - workers: who read the kernel's names.
  init(
    _ kernel: LinuxKernel, _ vmcoreinfo: VMCoreInfo, modules: [String] = [], expecting names: Set<String> = [],
    leads: [String: [String]] = [:], file: KernelFile? = nil, workers: Workers = .alone
  ) throws(KernelSymbolsFault) {
    let names = Self.own.union(names)
    let own = Result { () throws(KernelSymbolsFault) in
      try Self.symbols(of: kernel, vmcoreinfo, expecting: names, workers)
    }
    let symbols: any SymbolSource
    if let file, let others = file.symbols(expecting: names) {
      symbols = FilledSymbols(own, others, file)
    } else {
      if case .failure = own, let file {
        file.log.note(file.file, isLeftAsideFor: "it has no symbols (.symtab), which the dump lacks, too")
      }
      symbols = try own.get()
    }
    self.init(kernel, symbols: symbols, modules: modules, leads: leads, file: file)
  }

  /// A kernel whose symbols are known.
  init(
    _ kernel: LinuxKernel, symbols: any SymbolSource, modules: [String] = [], leads: [String: [String]] = [:],
    file: KernelFile? = nil
  ) {
    self.kernel = kernel
    self.symbols = symbols
    let leads = leads.merging(Self.leads) { $0 + $1 }
    types = KernelTypes { () throws(TypeFault) in
      let places = symbols.addresses(of: Self.own)
      let source = TypeSource(
        kernel: kernel, start: places["__start_BTF"], stop: places["__stop_BTF"], object: places["btf_vmlinux"],
        modules: places["btf_modules"], wanted: modules, leads: leads, file: file)
      return try source.open()
    }
  }

  private static func symbols(
    of kernel: LinuxKernel, _ vmcoreinfo: VMCoreInfo, expecting names: Set<String>, _ workers: Workers
  ) throws(KernelSymbolsFault) -> KernelSymbols {
    do throws(KernelSymbolsFault) {
      return try KernelSymbols(of: kernel, vmcoreinfo: vmcoreinfo, expecting: names, workers: workers)
    } catch {
      guard case .noKey = error else { throw error }
      return try KernelSymbols(searching: kernel, vmcoreinfo: vmcoreinfo, expecting: names, workers: workers)
    }
  }

  /// The address of a symbol of the kernel, or of a module where that is loaded, else of the kernel, as the module is
  /// built in then.
  func symbol(_ name: String, of module: String? = nil) throws(KernelSymbolFault) -> VirtualAddress {
    let values = try values(name, of: module)
    guard values.count == 1 else { throw .ambiguous(name, count: values.count) }
    guard case .address(let address) = values[0] else { throw .perCPU(name) }
    return address
  }

  /// The different values of a symbol, at least one.
  func values(_ name: String, of module: String? = nil) throws(KernelSymbolFault) -> [SymbolValue] {
    if let module {
      let own = Result { () throws(KernelSymbolFault) in try ownValues(name, of: module) }
      if let filled = moduleFiles[module]?.filling(own, of: name) { return filled }
      if let values = try own.get() { return values }
    }
    guard let values = symbols.values(of: [name])[name], !values.isEmpty else {
      throw symbols.fault(of: name).map { .unreadable(name, $0) } ?? .noSymbol(name)
    }
    return values
  }

  /// The function that an address of code lies in: the kernel's own, else a loaded module's.
  /// - Parameter text: where the kernel's own code stands.
  func function(at address: VirtualAddress, text: Range<UInt64>) -> NearestSymbol? {
    if text.contains(address.rawValue) { return symbols.symbol(before: address) }
    guard LinuxKernel.isImageOrModule(address), let offsets = try? ModuleOffsets(types) else { return nil }
    var left = Self.moduleSymbolBudget
    for module in loadedModules()?.modules ?? [] where left > 0 {
      left -= 1
      guard let symbols = try? ModuleSymbols(of: module.address, kernel: kernel, offsets: offsets) else { continue }
      left -= symbols.count
      guard let found = symbols.symbol(around: address) else { continue }
      return NearestSymbol(name: "\(found.name) [\(module.name)]", offset: found.offset)
    }
    return nil
  }

  /// Symbols of modules that are looked through for one address at most; a host has some 200,000.
  private static let moduleSymbolBudget = 1 << 22

  /// By the dump alone; `nil` when the module is not loaded.
  private func ownValues(_ name: String, of module: String) throws(KernelSymbolFault) -> [SymbolValue]? {
    let found = try moduleSymbols.symbols(of: module) { () throws(KernelSymbolFault) in try read(module) }
    guard let found else { return nil }
    if let values = found.values(of: [name])[name] { return values }
    throw found.unread.map { .module(module, .unreadable("names of symbols", $0)) } ?? .noSymbol(name)
  }

  /// The list of modules, `nil` where its head or its types are not known.
  func loadedModules() -> KernelModules? {
    guard let head = symbols.addresses(of: Self.own)["modules"], let offsets = try? ModuleOffsets(types) else {
      return nil
    }
    return KernelModules(head: head, kernel: kernel, offsets: offsets)
  }

  /// `nil` when the module is not loaded.
  private func read(_ module: String) throws(KernelSymbolFault) -> ModuleSymbols? {
    // Without modules there is no list of them.
    guard let head = symbols.addresses(of: Self.own)["modules"] else { return nil }
    let offsets: ModuleOffsets
    var place: VirtualAddress?
    do throws(TypeFault) {
      place = try types.module(module)
      offsets = try ModuleOffsets(types)
    } catch { throw .type(error) }
    if place == nil {
      let list = KernelModules(head: head, kernel: kernel, offsets: offsets)
      place = list[module]
      if place == nil, let cut = list.cut { throw .modules(cut: cut) }
      if place == nil, let nameless = list.nameless.first { throw .nameless(nameless.address, nameless.fault) }
    }
    guard let place else { return nil }
    do throws(ModuleSymbolsFault) { return try ModuleSymbols(of: place, kernel: kernel, offsets: offsets) } catch {
      throw .module(module, error)
    }
  }
}

/// The symbols of modules, each read once. One for all copies of a kernel.
private final class ModuleSymbolCache: Sendable {
  private let known = Mutex<[String: Result<ModuleSymbols?, KernelSymbolFault>]>([:])

  func symbols(
    of module: String, _ read: () throws(KernelSymbolFault) -> ModuleSymbols?
  ) throws(KernelSymbolFault) -> ModuleSymbols? {
    if let found = known.withLock({ $0[module] }) { return try found.get() }
    let result = Result { () throws(KernelSymbolFault) in try read() }
    known.withLock { $0[module] = result }
    return try result.get()
  }
}

/// Why the address of a symbol is not known.
enum KernelSymbolFault: Error, Equatable, Sendable {
  case noSymbol(String)
  /// Its entry in the table of addresses.
  case unreadable(String, KernelReadFault)
  /// Several things have this name.
  case ambiguous(String, count: Int)
  /// Each CPU has its own.
  case perCPU(String)
  /// Of the types that lead to the modules' symbols.
  case type(TypeFault)
  /// The list of modules is cut, and what can be seen of it does not have the module.
  case modules(cut: KernelListWalk.Cut)
  /// The module may be this one, whose name cannot be read.
  case nameless(VirtualAddress, KernelReadFault)
  case module(String, ModuleSymbolsFault)
}

extension KernelSymbolFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noSymbol(let name): "the kernel has no symbol \(name)"
    case .unreadable(let name, let fault): "the address of \(name): \(fault)"
    case .ambiguous(let name, let count): "\(count) symbols are called \(name)"
    case .perCPU(let name): "each CPU has its own \(name)"
    case .type(let fault): "\(fault)"
    case .modules(let cut): "the list of modules ends early, \(cut)"
    case .nameless(let module, let fault): "the name of the module at \(module): \(fault)"
    case .module(let name, let fault): "\(name): \(fault)"
    }
  }
}

extension KernelSymbolFault {
  /// The kernel may have the symbol, and the dump does not show it; else it has none.
  var isDamage: Bool {
    switch self {
    case .noSymbol, .type(.noTypes): false
    default: true
    }
  }
}
