/// ELF notes as kernels and dump tools write them: name and descriptor padded to 4. Source: Documentation/elf.md §1.4.
public enum ElfNotes {
  public static func note(name: String, type: UInt32, descriptor: [UInt8]) -> [UInt8] {
    var bytes = LittleEndian.bytes(UInt32(name.utf8.count + 1)) + LittleEndian.bytes(UInt32(descriptor.count))
    bytes += LittleEndian.bytes(type)
    bytes += padded(Array(name.utf8) + [0])
    bytes += padded(descriptor)
    return bytes
  }

  /// CORE/NT_PRSTATUS of one host CPU: 336 bytes, pr_pid at 32, the 27 registers of pr_reg from 112 on.
  public static func processStatus(pid: UInt32, registers: [UInt64]) -> [UInt8] {
    var words = [UInt64](repeating: 0, count: 42)
    words[4] = UInt64(pid)
    for (index, value) in registers.prefix(27).enumerated() { words[14 + index] = value }
    return note(name: "CORE", type: 1, descriptor: LittleEndian.bytes(words))
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
  }
}

extension BuiltKernel {
  /// The notes of a crash dump of this kernel's machine: a NT_PRSTATUS of an idle thread for each CPU, then VMCOREINFO.
  public func crashNotes(hasVMCoreInfo: Bool = true) -> [UInt8] {
    var bytes: [UInt8] = []
    for cpu in 0..<description.cpus {
      var registers = [UInt64](repeating: 0, count: 27)
      // RIP, CS, RFLAGS, RSP, SS, GS base: struct user_regs_struct.
      registers[16] = stext + Place.idle + 2
      registers[17] = 0x10
      registers[18] = 0x246
      registers[19] = perCPUBase(cpu) + 0x7f00
      registers[20] = 0x18
      registers[22] = gsBase(cpu)
      bytes += ElfNotes.processStatus(pid: 0, registers: registers)
    }
    guard hasVMCoreInfo else { return bytes }
    return bytes + ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: Array(vmcoreInfo.utf8))
  }
}
