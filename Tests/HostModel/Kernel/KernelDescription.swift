/// What shall be true of a Linux kernel before it has a place in memory. Recipes and host-maker fill it, for the host
/// and for guests; `BuiltKernel` makes memory of it.
public struct KernelDescription: Sendable {
  /// `uname -r`.
  public var release: String
  public var nodeName: String
  /// `uname -v`.
  public var version = "#1 SMP PREEMPT_DYNAMIC"
  /// Page tables of five levels.
  public var isLA57 = false
  /// `sme_me_mask`: memory encryption of an AMD processor; 0 without it.
  public var encryptionBit: UInt64 = 0
  /// The processor's vendor as CPUID names it, twelve letters, and its model, which `boot_cpu_data` has side by side.
  public var vendor = "GenuineIntel"
  public var model = "Recipe CPU @ 2.00GHz"
  /// Bytes from `_stext` on that the kernel's text maps, a multiple of 2 MiB.
  public var imageSize: UInt64 = 8 << 20
  /// The direct map's largest page, bytes.
  public var largestPage: UInt64 = 1 << 30
  public var cpus = 1
  /// Frames of each CPU's area.
  public var perCPUPages: UInt64 = 64
  /// Whether `mem_section` stands in memory, which makedumpfile reads. VMCOREINFO names a place for it in any case.
  public var hasMemorySections = false
  /// Per-CPU areas are linked at addresses of the image, as since 6.15: GS does not hold an area's address.
  public var hasLinkedPerCPU = false
  /// `vmcoreinfo_data` and `vmcoreinfo_note` in the image lead to the text and to the note, as in every real kernel.
  public var hasVMCoreInfoPointers = false
  /// VMCOREINFO has the build id, since 5.9.
  public var hasBuildIDKey = true
  /// How its clock runs, where it describes itself.
  public var clock: ClockDescription?
  /// What its timekeeping was last, with a clock alone.
  public var keptTime: KeptTimeDescription?
  /// What it has logged.
  public var log: PrintkRing?
  /// Names and types in memory, and the structures that they tell of.
  public var selfDescription: KernelSelfDescription?

  public init(release: String, nodeName: String) {
    self.release = release
    self.nodeName = nodeName
  }

  public mutating func takeAMDName() {
    vendor = "AuthenticAMD"
    model = "AMD Recipe Processor"
  }

  /// The six names of `init_uts_ns`, which headers of dumps repeat.
  public var utsname: [String] { ["Linux", nodeName, release, version, "x86_64", "(none)"] }
}
