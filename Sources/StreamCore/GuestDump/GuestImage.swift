/// A stretch of the guest kernel's image, as its page tables map it.
public struct KernelImageSegment: Sendable, Equatable {
  public var virtual: VirtualAddress
  public var physical: GPA
  /// Length; partial pages at either end are left out.
  public var bytes: UInt64

  public init(virtual: VirtualAddress, physical: GPA, bytes: UInt64) {
    self.virtual = virtual
    self.physical = physical
    self.bytes = bytes
  }
}

/// All that a writer must know of a guest before the first page comes.
public struct GuestImage: Sendable {
  /// In vCPU order.
  public var vcpus: [RegisterState]
  /// The guest's own text, unchanged; `nil` when it was not found.
  public var vmcoreinfo: [UInt8]?
  public var utsname: UTSName
  /// The guest kernel's `phys_base`; may be negative.
  public var physBase: Int64
  /// Guest frames of RAM that the guest's map has; frozen.
  public var known: FrameBitmap
  /// Those of `known` whose bytes will come; frozen.
  public var present: FrameBitmap
  /// The codec that the output names; single pages may be stored otherwise.
  public var encoding: PageEncoding
  /// Where the guest kernel maps physical address 0, when that is known.
  public var directMapBase: UInt64?
  public var kernelImage: [KernelImageSegment]

  public init(
    vcpus: [RegisterState], vmcoreinfo: [UInt8]?, utsname: UTSName, physBase: Int64, known: FrameBitmap,
    present: FrameBitmap, encoding: PageEncoding, directMapBase: UInt64? = nil,
    kernelImage: [KernelImageSegment] = []
  ) {
    self.vcpus = vcpus
    self.vmcoreinfo = vmcoreinfo
    self.utsname = utsname
    self.physBase = physBase
    self.known = known
    self.present = present
    self.encoding = encoding
    self.directMapBase = directMapBase
    self.kernelImage = kernelImage
  }
}
