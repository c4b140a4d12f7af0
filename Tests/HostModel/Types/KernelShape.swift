/// Offsets of a kernel's structures apart from KVM's, in bytes. Those of mm_struct and task_struct that
/// Documentation/kvm.md §8 names are measured; where the others stand depends on the configuration and is assumed: a
/// reader learns them from the types.
public struct KernelShape: Sendable {
  /// Its release, as `KVMShape` calls it.
  let name: String
  /// `pid` and `comm` of task_struct; the others follow from these two.
  let pid: UInt64
  let comm: UInt64
  // struct mm_struct
  let pgd: UInt64
  let owner: UInt64
  let argumentStart: UInt64
  /// Where the tree of mappings stands: a maple tree since 6.1, `mm_rb` before.
  let mappings: UInt64
  let isMaple: Bool
  // struct file
  let operations: UInt64
  let privateData: UInt64
  /// Of struct module.
  let moduleKallsyms: UInt64

  /// How the table of symbols says addresses.
  public let symbolForm: KallsymsForm
  /// Lengths of names of two bytes, since 6.1.
  public let hasLongNames: Bool
  /// The tables from `kallsyms_offsets` on stand behind the names, since 6.4.
  let hasOffsetsLast: Bool
  /// Modules keep their BTF, since 5.11.
  public let hasModuleTypes: Bool

  /// `module_sect_attrs` has plain attributes, since 6.14; kernels of this kind are built with the modules' build ids.
  var hasPlainSections: Bool { symbolForm == .entry }
  /// Of `module_sect_attrs`: where its entries stand, and bytes of one.
  var sectionsPlace: UInt64 { hasPlainSections ? 40 : 48 }
  var sectionSize: UInt64 { hasPlainSections ? 64 : 72 }

  /// Functions that tell how memory management was built. Source: mm/memory-failure.c, migrate.c, rmap.c,
  /// migrate_device.c.
  var memoryFunctions: [String] {
    var names = ["memory_failure", "migrate_pages"]
    // By age: 4.18, 5.10, then those with modules' types.
    if pid == 2216 { names.append("migrate_vma") } else { names.append("migrate_vma_setup") }
    if hasModuleTypes { names.append(hasEntryForm ? "make_device_exclusive" : "make_device_exclusive_range") }
    return names
  }
  private var hasEntryForm: Bool { symbolForm == .entry }

  // struct task_struct
  var tgid: UInt64 { pid + 4 }
  var tasks: UInt64 { pid - 144 }
  var mm: UInt64 { pid - 64 }
  var leader: UInt64 { pid + 64 }
  var threadPID: UInt64 { pid + 104 }
  var threadNode: UInt64 { pid + 192 }
  var files: UInt64 { comm + 48 }
  var signal: UInt64 { comm + 72 }
  public var taskSize: UInt64 { (comm + 1536 + 63) / 64 * 64 }
  static let stack: UInt64 = 32
  static let onCPU: UInt64 = 52
  public static let memorySize: UInt64 = 1600
  // struct signal_struct
  static let threadHead: UInt64 = 16
  static let signalSize: UInt64 = 1088
  // struct pid
  static let pidLevel: UInt64 = 4
  static let pidTasks: UInt64 = 16
  static let pidNumbers: UInt64 = 96
  static let pidSize: UInt64 = 112
  // struct files_struct, struct fdtable, struct file
  static let fdTable: UInt64 = 32
  static let fileSize: UInt64 = 232
  // struct module
  static let moduleList: UInt64 = 8
  static let moduleName: UInt64 = 24
  static let moduleSize: UInt64 = 1024
  // struct btf
  static let btfDataSize: UInt64 = 80
  static let btfName: UInt64 = 172

  /// What goes with a shape of KVM's.
  public static func of(_ kvm: KVMShape) -> KernelShape {
    switch kvm.name {
    case "4.18":
      KernelShape(
        name: "4.18", pid: 2216, comm: 2640, pgd: 80, owner: 848, argumentStart: 296, mappings: 8, isMaple: false,
        operations: 40,
        privateData: 200, moduleKallsyms: 520, symbolForm: .perCPU, hasLongNames: false, hasOffsetsLast: false,
        hasModuleTypes: false)
    case "5.10":
      KernelShape(
        name: "5.10", pid: 2232, comm: 2880, pgd: 80, owner: 912, argumentStart: 304, mappings: 8, isMaple: false,
        operations: 40,
        privateData: 200, moduleKallsyms: 528, symbolForm: .perCPU, hasLongNames: false, hasOffsetsLast: false,
        hasModuleTypes: false)
    case "5.14":
      KernelShape(
        name: "5.14", pid: 2400, comm: 2960, pgd: 80, owner: 920, argumentStart: 320, mappings: 8, isMaple: false,
        operations: 40,
        privateData: 200, moduleKallsyms: 544, symbolForm: .perCPU, hasLongNames: false, hasOffsetsLast: false,
        hasModuleTypes: true)
    case "6.12", "6.12-early":
      KernelShape(
        name: "6.12", pid: 2432, comm: 2976, pgd: 120, owner: 1152, argumentStart: 376, mappings: 64, isMaple: true,
        operations: 16,
        privateData: 32, moduleKallsyms: 576, symbolForm: .perCPU, hasLongNames: true, hasOffsetsLast: true,
        hasModuleTypes: true)
    case "7.3":
      KernelShape(
        name: "7.3", pid: 2872, comm: 3408, pgd: 120, owner: 1528, argumentStart: 728, mappings: 64, isMaple: true,
        operations: 16,
        privateData: 32, moduleKallsyms: 592, symbolForm: .entry, hasLongNames: true, hasOffsetsLast: true,
        hasModuleTypes: true)
    default:
      // The own build of `mini` has mm_struct.pgd at 56 (Documentation/kvm.md §9).
      KernelShape(
        name: "6.1", pid: 2416, comm: 2976, pgd: kvm.name == "6.1-mini" ? 56 : 72, owner: 928, argumentStart: 312,
        mappings: 0,
        isMaple: true, operations: 40, privateData: 200, moduleKallsyms: 560, symbolForm: .perCPU,
        hasLongNames: true, hasOffsetsLast: false, hasModuleTypes: true)
    }
  }
}
