/// What a guest's Linux kernel says of itself, found in the guest's memory and held against its vCPUs' page tables.
struct GuestIdentity: Sendable, Equatable {
  var vmcoreinfo: VMCoreInfo
  /// Where the note or its text begins.
  var place: GPA
  var utsname: UTSName
  var physBase: Int64
  /// The guest kernel's direct map of its physical memory, where its page tables show one.
  var directMap: VirtualAddress?
  /// The parts of the kernel image that the page tables map where VMCOREINFO says.
  var image: [KernelImagePart]
  /// vCPUs whose CR3 agrees, of all that have one.
  var agreeing: Int
  var asked: Int
  /// vCPU 0's CR3 itself leads to the kernel. It does not while the vCPU runs in user mode behind page-table isolation.
  var isKernelInFirstCR3: Bool
}
