/// A stretch of the guest kernel's image, as its page tables map it.
struct KernelImageSegment: Sendable, Equatable {
  var virtual: VirtualAddress
  var physical: GPA
  /// Length; partial pages at either end are left out.
  var bytes: UInt64

  init(virtual: VirtualAddress, physical: GPA, bytes: UInt64) {
    self.virtual = virtual
    self.physical = physical
    self.bytes = bytes
  }
}

/// All that a writer must know of a guest before the first page comes.
struct GuestImage: Sendable {
  /// In vCPU order.
  var vcpus: [RegisterState]
  /// The guest's own text, unchanged; `nil` when it was not found.
  var vmcoreinfo: [UInt8]?
  var utsname: UTSName
  /// The guest kernel's `phys_base`; may be negative.
  var physBase: Int64
  /// Guest frames of RAM that the guest's map has; frozen.
  var known: FrameBitmap
  /// Those of `known` whose bytes will come; frozen.
  var present: FrameBitmap
  /// The codec that the output names; single pages may be stored otherwise.
  var codec: PageCodec
  /// Where the guest kernel maps physical address 0, when that is known.
  var directMapBase: UInt64?
  var kernelImage: [KernelImageSegment]

  init(
    vcpus: [RegisterState], vmcoreinfo: [UInt8]?, utsname: UTSName, physBase: Int64, known: FrameBitmap,
    present: FrameBitmap, codec: PageCodec, directMapBase: UInt64? = nil,
    kernelImage: [KernelImageSegment] = []
  ) {
    self.vcpus = vcpus
    self.vmcoreinfo = vmcoreinfo
    self.utsname = utsname
    self.physBase = physBase
    self.known = known
    self.present = present
    self.codec = codec
    self.directMapBase = directMapBase
    self.kernelImage = kernelImage
  }
}
