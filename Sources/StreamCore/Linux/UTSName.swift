/// The six strings of the guest's `init_uts_ns`, at most 64 bytes each; what is longer is cut.
/// Source: include/uapi/linux/utsname.h, struct new_utsname.
struct UTSName: Sendable, Equatable {
  var sysname: String
  var nodename: String
  var release: String
  var version: String
  var machine: String
  var domainname: String

  init(
    sysname: String, nodename: String, release: String, version: String, machine: String, domainname: String
  ) {
    self.sysname = sysname
    self.nodename = nodename
    self.release = release
    self.version = version
    self.machine = machine
    self.domainname = domainname
  }

  /// Bytes of one field, the NUL included.
  static let fieldSize = 65

  /// The fields as the kernel lays them out: 6 × 65 bytes, padded with NUL. A string ends at its first NUL.
  var fields: [UInt8] {
    var bytes: [UInt8] = []
    for field in [sysname, nodename, release, version, machine, domainname] {
      let text = field.utf8.prefix { $0 != 0 }.prefix(Self.fieldSize - 1)
      bytes += text
      bytes += repeatElement(0, count: Self.fieldSize - text.count)
    }
    return bytes
  }
}

extension UTSName {
  /// For a guest that is not known to run Linux: libkdumpfile takes the machine from here, nothing else is true of it.
  static let placeholder = UTSName(
    sysname: "Linux", nodename: "unknown", release: "unknown", version: "#1", machine: "x86_64", domainname: "(none)")
}
