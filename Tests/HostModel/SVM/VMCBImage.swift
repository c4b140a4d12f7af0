/// The VMCB of a vCPU as KVM and the processor leave it. Source: AMD APM vol. 2, appendix B; Documentation/amd.md §1.
struct VMCBImage {
  var words = [UInt64](repeating: 0, count: 512)

  /// Where the guest of a guest stands.
  static let innerRIP: UInt64 = 0x40_2600

  /// - Parameters:
  ///   - nestedControl: 1 nested paging, 2 SEV, 4 SEV-ES.
  ///   - number: of the vCPU on the host, from 1 on.
  ///   - encryptionBit: of the host, which its addresses carry.
  init(
    _ cpu: GuestCPU, pointers: VMCSPointers, nestedControl: UInt64, number: UInt64, tscOffset: UInt64,
    encryptionBit: UInt64 = 0
  ) {
    let hasRun = cpu.state != .neverRun
    // As found on a real host: CR4; DR0 to DR7; #DB, #UD, #AC, #MC; INTR, NMI, CPUID, HLT, IOIO, MSR and more; VMRUN and
    // its like. KVM takes CR4 off the list for SEV-ES.
    store(nestedControl & 4 == 0 ? 0x10_0010 : 0, at: 0, width: 4)
    store(0xff_00ff, at: 4, width: 4)
    store(0x6_0042, at: 8, width: 4)
    store(0xbd4c_8027, at: 0xc, width: 4)
    store(0x6e7f, at: 0x10, width: 4)
    store(pointers.vmread | encryptionBit, at: 0x40)
    store(pointers.msrBitmap | encryptionBit, at: 0x48)
    store(tscOffset, at: 0x50)
    store(hasRun ? number : 0, at: 0x58, width: 4)
    store(cpu.state == .running ? 0x61 : hasRun ? 0x78 : 0, at: 0x70)
    store(nestedControl, at: 0x90)
    store(pointers.ept, at: 0xb0)
    // The state of SEV-ES stands in a page of its own; what is here was written before it ran.
    guard nestedControl & 4 == 0 else { return }
    let truth = cpu.truth
    let saved: [(Int, UInt64)] = [
      (0x4d0, truth["efer"] | 0x1000), (0x548, truth["cr4"] | 0x40), (0x550, truth["cr3"]),
      (0x558, truth["cr0"] & ~0x6000_0000), (0x560, truth["dr7"]), (0x568, truth["dr6"]), (0x570, truth["rflags"]),
      (0x578, cpu.exitRIP), (0x5d8, truth["rsp"]), (0x5f8, truth["rax"]), (0x600, truth["star"]),
      (0x608, truth["lstar"]), (0x610, truth["cstar"]), (0x618, truth["fmask"]), (0x620, truth["kernel_gs_base"]),
      (0x628, truth["sysenter_cs"]), (0x630, truth["sysenter_esp"]), (0x638, truth["sysenter_eip"]),
      (0x640, truth["cr2"]), (0x668, truth["pat"]),
    ]
    for (offset, value) in saved { store(value, at: offset) }
    for (index, name) in ["es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr"].enumerated() {
      let segment = name == "gdtr" ? truth.gdtr : name == "idtr" ? truth.idtr : truth.segments[name]
      guard let segment else { continue }
      let place = 0x400 + index * 16
      store(UInt64(segment.selector), at: place, width: 2)
      let rights = UInt64(segment.accessRights)
      // TR's busy bit and granularity are KVM's to add.
      let kept = name == "tr" ? rights & ~2 : rights
      store(kept & 0xff | kept >> 4 & 0x700, at: place + 2, width: 2)
      store(UInt64(segment.limit), at: place + 4, width: 4)
      store(segment.base, at: place + 8)
    }
    store(UInt64((truth.segments["ss"]?.accessRights ?? 0) >> 5 & 3), at: 0x4cb, width: 1)
  }

  /// A page in which a processor keeps its own state while a guest runs: the save area of the host's kernel, nothing in
  /// the control area, and in RAX the VMCB that it ran last. Source: QEMU's processor; AMD APM vol. 2, 15.30.4.
  static func hostSave(kernel: BuiltKernel, cpu: Int, rip: UInt64, last: UInt64) -> [UInt64] {
    var image = VMCBImage()
    let saved: [(Int, UInt64)] = [
      (0x4d0, 0x1d01), (0x548, 0x6f0), (0x550, kernel.tables.root | kernel.tables.encryptionBit), (0x558, 0x8005_0033),
      (0x570, 0x46), (0x578, rip), (0x5d8, kernel.perCPUBase(cpu) + 0x3f00), (0x5f8, last), (0x668, 0x7_0406_0007_0406),
      (0x458, kernel.gsBase(cpu)), (0x468, kernel.gdtBase(cpu)), (0x490, 0x8b_0040), (0x498, kernel.tssBase(cpu)),
    ]
    for (offset, value) in saved { image.store(value, at: offset) }
    return image.words
  }

  private init() {}

  /// A field of 8 bytes of a finished image.
  subscript(offset: Int) -> UInt64 {
    get { words[offset / 8] }
    set { words[offset / 8] = newValue }
  }

  private mutating func store(_ value: UInt64, at offset: Int, width: Int = 8) {
    let shift = UInt64(offset % 8 * 8)
    let mask = width == 8 ? ~0 : UInt64(1) << UInt64(width * 8) - 1
    words[offset / 8] = words[offset / 8] & ~(mask << shift) | (value & mask) << shift
  }
}

extension GuestCPU {
  /// What a guest shows on an AMD host: a segment is usable where it is present, and data segments are accessed.
  mutating func takeAMDSegments() {
    for (name, segment) in truth.segments {
      var rights = segment.accessRights & 0xf0ff
      if rights & 0x80 == 0 || (segment.accessRights >> 16 == 1 && name != "ldtr") {
        rights = rights & 0x7f & ~0x10 | 0x1_0000
        if name == "ss" { rights &= ~0x4000 }
      }
      truth.segments[name]?.accessRights = rights
    }
  }
}
