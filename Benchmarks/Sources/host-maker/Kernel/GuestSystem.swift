import HostModel

/// A guest's Linux, all of it in the 2 MiB of its image: enough that the guest can be told by name, and that dump tools
/// read its page tables. Everything else in its memory is ordinary content.
struct GuestSystem: Sendable {
  let program: GuestProgram
  /// By guest-physical address.
  let memory: SparseMemory

  init(_ guest: Geometry.Guest, kernel: KernelDescription, vcpus: UInt64, seed: UInt64) throws(NoRoom) {
    var kernel = kernel
    kernel.imageSize = HostOptions.block
    kernel.cpus = Int(vcpus)
    kernel.perCPUPages = 1
    let image: UInt64 = (guest.blocks > 16 ? 8 : 1) << 21
    // What the image itself holds ends at 64 KiB.
    var space = StructureSpace(free: image >> 12 + 16..<(image + HostOptions.block) >> 12, ram: guest.ram, seed: seed)
    program = try GuestProgram.linux(kernel, image: image, in: &space)
    memory = space.memory
  }
}
