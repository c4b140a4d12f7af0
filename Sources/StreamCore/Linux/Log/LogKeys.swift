/// What VMCOREINFO says of the log's structures. Source: kernel/printk/printk.c, log_buf_vmcoreinfo_setup.
struct LogKeys: Sendable {
  let vmcoreinfo: VMCoreInfo
  /// Bytes of a structure at most.
  private static let reach = 4096

  /// Bytes from the start of a structure to a member of it.
  func offset(_ member: String) throws(KernelLogFault) -> Int { try number("OFFSET(\(member))") }

  /// Bytes of a structure.
  func size(_ structure: String) throws(KernelLogFault) -> Int {
    let key = "SIZE(\(structure))"
    let size = try number(key)
    guard size > 0 else { throw .badKey(key, value: "0") }
    return size
  }

  func symbol(_ name: String) throws(KernelLogFault) -> VirtualAddress {
    guard let address = vmcoreinfo.symbol(name) else {
      throw .badKey("SYMBOL(\(name))", value: vmcoreinfo["SYMBOL(\(name))"])
    }
    return address
  }

  private func number(_ key: String) throws(KernelLogFault) -> Int {
    guard let number = vmcoreinfo[key].flatMap({ Int($0) }), (0...Self.reach).contains(number) else {
      throw .badKey(key, value: vmcoreinfo[key])
    }
    return number
  }
}
