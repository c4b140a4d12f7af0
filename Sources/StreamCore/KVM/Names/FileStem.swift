/// What the files and sockets that a VMM has open say of its VM.
///
/// libvirt gives each domain a directory "domain-3-web", whose last part is cut to 20 characters, and a log. Source:
/// libvirt's virDomainDefGetShortName, src/conf/domain_conf.c. Else a rule: a name that a socket and another socket or
/// file have before their last dot, such as "web" of "/run/web.sock" and "web.serial"; where nothing is shared, that of
/// the one socket there is. Names that any VM could have, and several that would do, name none.
enum FileStem {
  /// Names that say what a file is for, and not whose.
  private static let common: Set<String> = [
    "api", "ch", "chardev", "cloud-hypervisor", "console", "control", "ctl", "firecracker", "guest-agent", "mon",
    "monitor", "qemu", "qga", "qmp", "serial", "sock", "socket", "spice", "tty", "vhost", "virtiofs", "virtiofsd", "vm",
    "vmm", "vnc", "vsock",
  ]

  static func name(_ files: NamedFiles) -> VMName? {
    let all = files.sockets + files.files
    let domains = all.compactMap { path in domain(path).map { (path, $0) } }
    if let first = domains.first, domains.allSatisfy({ $0.1 == first.1 }) {
      return VMName(first.1, .files, [first.0])
    }
    let logs = files.files.compactMap { path in log(path).map { (path, $0) } }
    if let first = logs.first, logs.count == 1 { return VMName(first.1, .files, [first.0]) }
    let stems = Dictionary(grouping: all) { of($0) ?? "" }
    let own = Set(files.sockets.compactMap(of))
    let shared = own.filter { Set((stems[$0] ?? []).map(last)).count > 1 }
    guard let stem = shared.isEmpty ? own.first : shared.first, (shared.isEmpty ? own : shared).count == 1 else {
      return nil
    }
    // Several sockets of which one has a name of its own.
    if shared.isEmpty, files.sockets.count != 1 { return nil }
    return VMName(stem, .files, Array((stems[stem] ?? []).prefix(2)))
  }

  /// The last part of a path before its last dot; `nil` without one, and where any VM's could be called so.
  static func of(_ path: String) -> String? {
    let name = last(path)
    let stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? ""
    return stem.isEmpty || common.contains(stem.lowercased()) ? nil : stem
  }

  static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

  private static func domain(_ path: String) -> String? {
    for part in path.split(separator: "/") {
      let words = part.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
      if words.count == 3, words[0] == "domain", isNumber(words[1]), !words[2].isEmpty { return String(words[2]) }
    }
    return nil
  }

  private static func log(_ path: String) -> String? {
    let parts = path.split(separator: "/").suffix(3)
    guard parts.count == 3, parts.dropLast().elementsEqual(["libvirt", "qemu"]), parts.last?.hasSuffix(".log") == true
    else { return nil }
    return parts.last.map { String($0.dropLast(4)) }
  }
}
