/// A vCPU's state: the truth, and what of it stands differently in the VMCS. Source: Documentation/vmcs.md §4 and §5.
struct GuestCPU: Sendable {
  static let cr0Owned: UInt64 = 0x10008
  static let cr4Owned: UInt64 = 0x1078e
  static let hostEFER: UInt64 = 0xd01

  let state: VCPUActivity
  var truth = BuiltRegisters()
  /// GUEST_RIP as the last exit left it.
  var exitRIP: UInt64 = 0
  /// GUEST_CR0 and GUEST_CR4 as the processor uses them, and the read shadows.
  var hardwareCR0: UInt64 = 0
  var hardwareCR4: UInt64 = 0
  var cr0Shadow: UInt64 = 0
  var cr4Shadow: UInt64 = 0

  var isLongMode: Bool { truth["efer"] & 0x400 != 0 }
  /// KVM switches EFER with the entry control only while the guest's differs from the host's.
  var loadsEFER: Bool { truth["efer"] != GuestCPU.hostEFER }

  /// - Parameter isUser: stands in the process, not in the kernel.
  init(
    _ state: VCPUActivity, index: Int, isUser: Bool, program: GuestProgram, random: inout SplitMix64
  ) {
    self.state = state
    if state == .neverRun {
      resetState()
    } else {
      fillGeneral(&random)
      if let kernel = program.kernel {
        linuxState(kernel, process: program.process, index: index, isUser: isUser, random: &random)
      } else {
        plainState(program, random: &random)
      }
    }
    truth["pat"] = 0x0007_0406_0007_0406
    setDebugRegisters()
    setSystemCall(number: index)
  }

  private mutating func setDebugRegisters() {
    truth["dr6"] = 0xffff_0ff0
    truth["dr7"] = 0x400
    for number in 0..<4 as Range<UInt64> {
      truth["dr\(number)"] = state == .neverRun ? 0 : SplitMix64.mix(truth["rip"] + number) & ~7
    }
  }

  private mutating func setSystemCall(number: Int) {
    truth["xcr0"] = state == .neverRun ? 1 : 7
    truth["xss"] = 0
    truth["fmask"] = 0x257fd5
    truth["star"] = 0x0023_0010_0000_0000
    truth["lstar"] = isLongMode ? truth["rip"] & ~0xfff | 0x40 : 0
    truth["cstar"] = isLongMode ? truth["rip"] & ~0xfff | 0x1c0 : 0
    truth["tsc_aux"] = UInt64(number)
  }

  private mutating func fillGeneral(_ random: inout SplitMix64) {
    for name in BuiltRegisters.general {
      let value = random.next()
      truth[name] = value & 3 == 0 ? value & 0xffff : value & 3 == 1 ? value >> 20 : value
    }
    truth["cr2"] = 0x7f00_0000_0000 + random.below(1 << 40) & ~7
    truth["cr8"] = 0
    truth["rflags"] = 0x246
  }

  private mutating func linuxState(
    _ kernel: BuiltKernel, process: PageTables, index: Int, isUser: Bool, random: inout SplitMix64
  ) {
    let cpu = min(index, kernel.perCPU.count - 1)
    let isProcess = isUser || index % 2 == 1
    truth["cr0"] = 0x8005_0033
    truth["cr4"] = 0x1706b0 | (kernel.description.isLA57 ? 0x1000 : 0)
    truth["cr3"] = (isProcess ? process.root : kernel.tables.root) | UInt64(index % 6 + 1)
    truth["efer"] = GuestCPU.hostEFER
    truth["sysenter_cs"] = 0x10
    truth["sysenter_esp"] = kernel.tssBase(cpu)
    truth["sysenter_eip"] = kernel.stext + BuiltKernel.Place.sysenter
    let null = BuiltSegment(selector: 0, base: 0, limit: 0, accessRights: 0x10010)
    for name in BuiltRegisters.segmentOrder { truth.segments[name] = null }
    let userFS = 0x7f12_3400_0000 + random.below(1 << 24) << 6
    let table: UInt32 = isUser ? 0x10002 : 0x10082
    truth.segments["ldtr"] = BuiltSegment(selector: 0, base: 0, limit: 0xffff, accessRights: table)
    truth.segments["tr"] = BuiltSegment(selector: 0x40, base: kernel.tssBase(cpu), limit: 0x67, accessRights: 0x8b)
    truth.segments["fs"]?.base = isProcess ? userFS : 0
    truth.gdtr = BuiltSegment(selector: 0, base: kernel.gdtBase(cpu), limit: 0x7f, accessRights: 0)
    truth.idtr = BuiltSegment(selector: 0, base: BuiltKernel.entryArea, limit: 0xfff, accessRights: 0)
    if isUser {
      truth.segments["cs"] = BuiltSegment(selector: 0x33, base: 0, limit: 0xffff_ffff, accessRights: 0xa0fb)
      truth.segments["ss"] = BuiltSegment(selector: 0x2b, base: 0, limit: 0xffff_ffff, accessRights: 0xc0f3)
      truth["kernel_gs_base"] = kernel.perCPUBase(cpu)
      truth["rsp"] = 0x7ffc_0000_0000 + random.below(1 << 24) << 4
      setRIP(halt: GuestProgram.userCode + 1)
    } else {
      truth.segments["cs"] = BuiltSegment(selector: 0x10, base: 0, limit: 0xffff_ffff, accessRights: 0xa09b)
      truth.segments["ss"] = BuiltSegment(selector: 0x18, base: 0, limit: 0xffff_ffff, accessRights: 0xc093)
      truth.segments["gs"]?.base = kernel.perCPUBase(cpu)
      truth["kernel_gs_base"] = isProcess ? 0x7f98_0000_0000 + random.below(1 << 20) << 8 : 0
      truth["rsp"] = kernel.virtual(kernel.image + BuiltKernel.Place.taskPage + 0xe00 + random.below(32) << 3)
      setRIP(halt: kernel.stext + BuiltKernel.Place.idle + 1)
    }
    // The guest owns CR0.TS and CR4.PGE: what it wrote there is only in the fields, what the shadows hold is old.
    let hasTS = random.below(2) == 1
    if hasTS { truth["cr0"] |= 8 }
    setControlRegisters(cr0Shadow: 0x8005_0033, cr4Shadow: truth["cr4"] & ~0x80)
  }

  private mutating func plainState(_ program: GuestProgram, random: inout SplitMix64) {
    truth["cr0"] = 0x8000_0033
    truth["cr4"] = 0x6b0 | (program.isLA57 ? 0x1000 : 0)
    truth["cr3"] = program.process.root
    truth["efer"] = 0x500
    truth["kernel_gs_base"] = 0
    truth["sysenter_cs"] = 0
    truth["sysenter_esp"] = 0
    truth["sysenter_eip"] = 0
    let flat = BuiltSegment(selector: 0x10, base: 0, limit: 0xffff_ffff, accessRights: 0xc093)
    for name in BuiltRegisters.segmentOrder { truth.segments[name] = flat }
    truth.segments["cs"] = BuiltSegment(selector: 0x8, base: 0, limit: 0xffff_ffff, accessRights: 0xa09b)
    truth.segments["ldtr"] = BuiltSegment(selector: 0, base: 0, limit: 0xffff, accessRights: 0x82)
    truth.segments["tr"] = BuiltSegment(selector: 0x18, base: program.code + 0x200, limit: 0x67, accessRights: 0x8b)
    truth.gdtr = BuiltSegment(selector: 0, base: program.code + 0x100, limit: 0x27, accessRights: 0)
    truth.idtr = BuiltSegment(selector: 0, base: program.code + 0x400, limit: 0xff, accessRights: 0)
    truth["rsp"] = program.code + 0xf00 + random.below(16) << 3
    setRIP(halt: program.code + 1)
    setControlRegisters(cr0Shadow: truth["cr0"], cr4Shadow: truth["cr4"])
  }

  /// The processor's state after INIT. Source: SDM vol. 3, table 10-1.
  private mutating func resetState() {
    for name in BuiltRegisters.general + ["cr2", "cr3", "cr4", "cr8", "efer", "kernel_gs_base"] { truth[name] = 0 }
    for name in ["sysenter_cs", "sysenter_esp", "sysenter_eip"] { truth[name] = 0 }
    truth["rdx"] = 0x306c3
    truth["rflags"] = 2
    truth["rip"] = 0xfff0
    truth["cr0"] = 0x6000_0010
    let data = BuiltSegment(selector: 0, base: 0, limit: 0xffff, accessRights: 0x93)
    for name in BuiltRegisters.segmentOrder { truth.segments[name] = data }
    truth.segments["cs"] = BuiltSegment(selector: 0xf000, base: 0xffff_0000, limit: 0xffff, accessRights: 0x9b)
    truth.segments["ldtr"] = BuiltSegment(selector: 0, base: 0, limit: 0xffff, accessRights: 0x82)
    truth.segments["tr"] = BuiltSegment(selector: 0, base: 0, limit: 0xffff, accessRights: 0x8b)
    truth.gdtr.limit = 0xffff
    truth.idtr.limit = 0xffff
    exitRIP = 0xfff0
    // Caching bits off and NE on for the hardware; VMXE always on.
    hardwareCR0 = 0x30
    cr0Shadow = 0x6000_0010
    hardwareCR4 = 0x2000
  }

  private mutating func setControlRegisters(cr0Shadow: UInt64, cr4Shadow: UInt64) {
    self.cr0Shadow = cr0Shadow
    self.cr4Shadow = cr4Shadow
    hardwareCR0 = truth["cr0"]
    hardwareCR4 = truth["cr4"] | 0x2000
  }

  /// A vCPU that KVM emulated HLT for stands one past it; the field still points at it.
  private mutating func setRIP(halt: UInt64) {
    exitRIP = state == .running ? halt - 1 : halt
    truth["rip"] = state == .running ? exitRIP : halt + 1
  }
}
