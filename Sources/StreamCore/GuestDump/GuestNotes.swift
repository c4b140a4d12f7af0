/// The ELF notes of a guest's dump, in QEMU's order: NT_PRSTATUS for each vCPU, QEMU's CPU state for each vCPU,
/// VMCOREINFO. What is unknown is zero here, for want of another way. A vCPU whose FPU is known has two notes more, right
/// behind its NT_PRSTATUS, for readers take what follows one as the same CPU's: NT_PRFPREG and NT_X86_XSTATE. Source:
/// Documentation/elf.md §1.4, target/i386/arch_dump.c of QEMU, include/uapi/linux/elf.h.
struct GuestNotes: Sendable, Equatable {
  private(set) var bytes: [UInt8] = []
  /// Where in `bytes` the text of VMCOREINFO stands.
  private(set) var vmcoreinfo: Range<Int>?

  init(vcpus: [RegisterState], vmcoreinfo text: [UInt8]?) {
    for (index, state) in vcpus.enumerated() {
      append("CORE", type: 1, Self.prstatus(state, index: index))
      guard let fpu = state.fpu?.value else { continue }
      append("CORE", type: 2, fpu.legacy)
      append("LINUX", type: 0x202, fpu.xsave)
    }
    for state in vcpus { append("QEMU", type: 0, Self.qemu(state)) }
    if let text { vmcoreinfo = append("VMCOREINFO", type: 0, text) }
  }

  /// Name and descriptor are padded to 4 bytes, in ELF64 too.
  @discardableResult
  private mutating func append(_ name: String, type: UInt32, _ descriptor: [UInt8]) -> Range<Int> {
    bytes.append(littleEndian: UInt32(name.utf8.count + 1))
    bytes.append(littleEndian: UInt32(truncatingIfNeeded: descriptor.count))
    bytes.append(littleEndian: type)
    bytes += Array(name.utf8) + [0]
    pad()
    let start = bytes.count
    bytes += descriptor
    pad()
    return start..<start + descriptor.count
  }

  private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

  // MARK: struct elf_prstatus

  private static let prstatusSize = 336
  private static let processOffset = 32
  private static let registersOffset = 112
  private static let hasFPUOffset = 328
  /// `pr_reg` up to the selectors; `nil` is orig_rax, which no vCPU has.
  private static let lowRegisters: [Register?] = [
    .r15, .r14, .r13, .r12, .rbp, .rbx, .r11, .r10, .r9, .r8, .rax, .rcx, .rdx, .rsi, .rdi, nil, .rip,
  ]

  /// 336 bytes; the process id is the vCPU's index + 1, as QEMU has it.
  static func prstatus(_ state: RegisterState, index: Int) -> [UInt8] {
    var note = [UInt8](repeating: 0, count: prstatusSize)
    note.store(UInt32(truncatingIfNeeded: index + 1), at: processOffset)
    func selector(_ segment: SegmentRegister) -> UInt64 { UInt64(state.segments[segment]?.value.selector ?? 0) }
    func base(_ segment: SegmentRegister) -> UInt64 { state.segments[segment]?.value.base ?? 0 }
    let values =
      lowRegisters.map { $0.flatMap { state[$0] } ?? 0 } + [
        selector(.cs), state[.rflags] ?? 0, state[.rsp] ?? 0, selector(.ss), base(.fs), base(.gs),
        selector(.ds), selector(.es), selector(.fs), selector(.gs),
      ]
    for (place, value) in values.enumerated() { note.store(value, at: registersOffset + 8 * place) }
    if state.fpu != nil { note.store(UInt32(1), at: hasFPUOffset) }
    return note
  }

  // MARK: QEMUCPUState, version 1

  private static let qemuSize = 440
  private static let qemuSegmentsOffset = 152
  private static let qemuSegmentSize = 24
  private static let qemuRegisters: [Register] = [
    .rax, .rbx, .rcx, .rdx, .rsi, .rdi, .rsp, .rbp, .r8, .r9, .r10, .r11, .r12, .r13, .r14, .r15, .rip, .rflags,
  ]
  private static let qemuSegments: [SegmentRegister] = [.cs, .ds, .es, .fs, .gs, .ss, .ldtr, .tr]

  /// 440 bytes: the form with kernel_gs_base.
  static func qemu(_ state: RegisterState) -> [UInt8] {
    var note = [UInt8](repeating: 0, count: qemuSize)
    note.store(UInt32(1), at: 0)
    note.store(UInt32(qemuSize), at: 4)
    for (place, register) in qemuRegisters.enumerated() { note.store(state[register] ?? 0, at: 8 + 8 * place) }
    for (place, name) in qemuSegments.enumerated() {
      guard let segment = state.segments[name]?.value else { continue }
      let at = qemuSegmentsOffset + qemuSegmentSize * place
      note.store(UInt32(segment.selector), at: at)
      note.store(segment.limit, at: at + 4)
      note.store(qemuFlags(segment), at: at + 8)
      note.store(segment.base, at: at + 16)
    }
    for (place, table) in [state.gdtr, state.idtr].enumerated() {
      guard let table = table?.value else { continue }
      let at = qemuSegmentsOffset + qemuSegmentSize * (qemuSegments.count + place)
      note.store(table.limit, at: at + 4)
      note.store(table.base, at: at + 16)
    }
    let control: [(register: Register, offset: Int)] = [
      (.cr0, 392), (.cr2, 408), (.cr3, 416), (.cr4, 424), (.kernel_gs_base, 432),
    ]
    for entry in control { note.store(state[entry.register] ?? 0, at: entry.offset) }
    return note
  }

  /// The second dword of a segment descriptor, without base and limit. As KVM hands segments to QEMU, one that is
  /// unusable keeps its type and is not present. Source: the notes that QEMU 7.2 wrote of real guests under KVM, byte
  /// for byte.
  static func qemuFlags(_ segment: Segment) -> UInt32 {
    let present: UInt32 = 1 << 7
    let rights = segment.accessRights & 0xf0ff
    return (segment.isUnusable ? rights & ~present : rights) << 8
  }
}
