/// What the control group of a VMM says of its VM. Source: systemd's systemd.unit(5), "string escaping for inclusion
/// in unit names"; libvirt's virDomainMachineName (src/conf/domain_conf.c): driver, number and name, of which the
/// last is cut to 64 characters and holds letters, digits, dots and dashes only; Proxmox' QemuServer.pm.
enum CgroupScope {
  /// - Parameter path: from the root of its hierarchy.
  static func name(_ path: String) -> VMName? {
    let groups = path.split(separator: "/").map(String.init)
    for (index, group) in groups.enumerated().reversed() {
      let evidence = [group]
      if let scope = cut(group, prefix: "machine-", suffix: ".scope") {
        return VMName(withoutNumber(unescaped(scope)), .cgroup, evidence)
      }
      if index > 0, groups[index - 1] == "qemu.slice", let scope = cut(group, prefix: "", suffix: ".scope") {
        return VMName(unescaped(scope), .cgroup, evidence)
      }
      // Without systemd: "/machine/qemu-3-web.libvirt-qemu".
      if let machine = cut(group, prefix: "", suffix: ".libvirt-qemu") {
        return VMName(withoutNumber(machine), .cgroup, evidence)
      }
    }
    return nil
  }

  private static func cut(_ text: String, prefix: String, suffix: String) -> String? {
    guard text.utf8.starts(with: prefix.utf8), text.utf8.reversed().starts(with: suffix.utf8.reversed()),
      text.utf8.count > prefix.utf8.count + suffix.utf8.count
    else { return nil }
    return String(decoding: text.utf8.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count), as: UTF8.self)
  }

  /// A machine's name of libvirt's, "qemu-3-web", without what libvirt puts before the domain's.
  private static func withoutNumber(_ machine: String) -> String {
    let parts = machine.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, ["qemu", "ch"].contains(parts[0]), FileStem.isNumber(parts[1]), !parts[2].isEmpty else {
      return machine
    }
    return String(parts[2])
  }

  /// "\x2d" is a byte, a dash is a slash that stood in a path, which a machine's name has not.
  private static func unescaped(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.first {
      if rest.starts(with: "\\x".utf8), rest.count >= 4,
        let value = UInt8(String(decoding: rest.dropFirst(2).prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(4)
      } else {
        bytes.append(byte)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
