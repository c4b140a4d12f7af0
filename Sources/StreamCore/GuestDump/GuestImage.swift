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
  var directMapBase: UInt64? = nil
  var kernelImage: [KernelImagePart] = []
}
