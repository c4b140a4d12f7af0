/// A module that is loaded.
struct KernelModule: Sendable, Equatable {
  var name: String
  /// Of its `struct module`.
  var address: VirtualAddress
}

/// The modules of a kernel: the list `modules`, as far as it can be followed from either end.
/// Source: kernel/module/main.c; Documentation/kvm.md §5.4.
struct KernelModules: Sendable {
  /// In list order, the youngest first.
  private(set) var modules: [KernelModule] = []
  /// Where the list could not be followed from the front: there may be more modules.
  let cut: KernelListWalk.Cut?
  /// Modules whose names cannot be had.
  private(set) var nameless: [(address: VirtualAddress, fault: KernelReadFault)] = []

  /// - Parameter head: the symbol `modules`.
  init(head: VirtualAddress, kernel: LinuxKernel, offsets: ModuleOffsets) {
    let walk = KernelListWalk(head: head, kernel: kernel)
    cut = walk.cut
    for node in walk.nodes {
      let module = node &- offsets.list
      do throws(KernelReadFault) {
        let bytes = try kernel.read(module &+ offsets.name, count: max(0, min(offsets.nameBytes, 64)))
        let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        modules.append(KernelModule(name: name, address: module))
      } catch {
        nameless.append((module, error))
      }
    }
  }

  /// The first of this name.
  subscript(name: String) -> VirtualAddress? { modules.first { $0.name == name }?.address }
}
