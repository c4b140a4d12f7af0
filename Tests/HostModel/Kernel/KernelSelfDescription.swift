/// What a kernel says of itself, so that a reader of its memory needs to know nothing beforehand: names and types.
public struct KernelSelfDescription: Sendable {
  /// A module that is loaded, and what its BTF is.
  public struct Module: Sendable {
    public let name: String
    public let types: [UInt8]
  }

  public let shape: KernelShape
  /// How the names' table says addresses, or `nil` for a kernel without it.
  public var symbols: KallsymsForm?
  /// Whether VMCOREINFO says where the tables of names stand, as since 6.0; without, they are found by content.
  public var hasSymbolKeys = true
  /// vmlinux's BTF, or nothing.
  public let types: [UInt8]
  /// Without types for those that keep none.
  public let modules: [Module]
  /// KVM is part of the image, its names and types the kernel's own, not those of modules.
  public let isKVMBuiltIn: Bool

  /// What a kernel with this shape says.
  public init(_ kvm: KVMShape, symbols: KallsymsForm? = nil, hasTypes: Bool = false, isKVMBuiltIn: Bool = false) {
    shape = KernelShape.of(kvm)
    self.symbols = symbols
    self.isKVMBuiltIn = isKVMBuiltIn
    let own = KernelSelfDescription.filler + shape.structures + kvm.structures
    let vmlinux = BTFWriter(isKVMBuiltIn ? own + kvm.vendorStructures : own, kvm.enumerations + [shape.pageFlags])
    types = hasTypes ? vmlinux.bytes : []
    let keepsTypes = hasTypes && shape.hasModuleTypes
    func module(_ name: String, _ structures: [KernelStructure]) -> Module {
      Module(name: name, types: keepsTypes ? BTFWriter(structures, over: vmlinux).bytes : [])
    }
    let others = [module("virtio_net", [KernelStructure("virtnet_info", size: 8, [("vdev", 0, .voidPointer)])])]
    // The youngest first, as the list has them.
    modules =
      isKVMBuiltIn
      ? others : [module(kvm.vendorModule, kvm.vendorStructures), module("kvm", kvm.moduleStructures)] + others
  }

  /// Structures that nobody needs: so that numbers of types and places of strings are not all small.
  private static let filler = FillerSymbols.names.enumerated().filter { $0.offset % 8 == 0 }.map { index, name in
    KernelStructure(
      "\(name)_state", size: 32,
      [("\(name)_count", 0, .atomic), ("next", 8, .pointer(to: "\(name)_state")), ("index", 16, .array(.u16, 4))])
  }
}
