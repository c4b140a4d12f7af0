import HostModel

/// What all hosts of this program are: Debian's 6.1 kernel on Intel's Haswell, or on a processor of AMD's.
struct HostKind: Sendable {
  let shape: KVMShape
  let layout: VMCSLayout

  /// `nil`: the table of layouts is not in the checkout from which this program was built.
  static let standard: HostKind? = {
    guard let shape = KVMShape.named("6.1"), let layout = VMCSLayout.catalogue["intel-haswell"] else { return nil }
    return HostKind(shape: shape, layout: layout)
  }()

  /// Of AMD's processors, whose layout is one for all: that of the other kind is not used.
  static let amd: HostKind? = standard.map { standard in
    var shape = standard.shape
    shape.isAMD = true
    return HostKind(shape: shape, layout: standard.layout)
  }

  /// The kernel of the host and of its guests.
  func kernel(nodeName: String) -> KernelDescription {
    var kernel = KernelDescription(release: "6.1.0-bench-amd64", nodeName: nodeName)
    kernel.version = "#1 SMP PREEMPT_DYNAMIC vmcs-bench"
    kernel.hasMemorySections = true
    if shape.isAMD { kernel.takeAMDName() }
    return kernel
  }

  /// Names and types of that kernel, KVM being modules.
  var selfDescription: KernelSelfDescription {
    var own = KernelSelfDescription(shape, hasTypes: true)
    own.symbols = own.shape.symbolForm
    return own
  }
}
