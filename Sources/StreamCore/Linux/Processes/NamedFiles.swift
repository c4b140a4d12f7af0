/// The names of what a process has open: its own sockets, where they are bound to a file, and regular files. Source:
/// include/linux/fdtable.h, fs.h, dcache.h, net.h, include/net/sock.h, af_unix.h.
struct NamedFiles: Sendable, Equatable {
  /// Paths that unix sockets are bound to, as the process gave them; without a repetition.
  var sockets: [String] = []
  /// Paths of regular files in their file systems; without a repetition.
  var files: [String] = []

  /// File descriptors that are looked at, at most.
  private static let descriptorLimit: UInt64 = 4096
  /// Names of each kind that are kept, at most.
  private static let nameLimit = 256
  /// Source: include/linux/limits.h, PATH_MAX and NAME_MAX.
  private static let depthLimit = 128
  private static let componentLimit: UInt64 = 255
  private static let pathLimit = 4096
  /// Source: include/uapi/linux/stat.h, S_IFMT and its values; include/linux/socket.h, AF_UNIX.
  private static let kindMask: UInt64 = 0o170000
  private static let socketKind: UInt64 = 0o140000
  private static let regularKind: UInt64 = 0o100000
  private static let unixFamily: UInt64 = 1
  /// Of a `struct sockaddr_un`. Source: include/uapi/linux/un.h.
  private static let nameBytes = 110

  private struct Places {
    let table: ResolvedPath
    let count: ResolvedPath
    let array: ResolvedPath
    let mode: ResolvedPath
    let dentry: ResolvedPath
    let name: ResolvedPath
    let nameLength: ResolvedPath
    let parent: ResolvedPath
    let privateData: ResolvedPath
    let sock: ResolvedPath
    let family: ResolvedPath
    /// `unix_sock.addr`, right behind the `struct sock` that it begins with. No type of the kernel leads to unix_sock, and
    /// to search them all takes as long as all the rest; the address proves itself.
    let address: UInt64

    init(_ types: KernelTypes) throws(TypeFault) {
      table = try types.path("files_struct.fdt")
      count = try types.path("fdtable.max_fds")
      array = try types.path("fdtable.fd")
      mode = try types.path("file.f_inode->i_mode")
      dentry = try types.path("file.f_path.dentry")
      name = try types.path("dentry.d_name.name")
      nameLength = try types.path("dentry.d_name.len")
      parent = try types.path("dentry.d_parent")
      privateData = try types.path("file.private_data")
      sock = try types.path("socket.sk")
      family = try types.path("sock.__sk_common.skc_family")
      address = UInt64(clamping: try types.size(of: "sock") + 7) & ~7
    }
  }

}

extension NamedFiles {
  /// - Parameter task: `task_struct` of one of its threads.
  init(
    of task: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader, _ budget: inout ProcessBudget
  ) throws(ProcessFault) {
    guard budget.descriptors > 0 else { throw .exhausted }
    let own = try ProcessFault.from { () throws(KernelFault) in
      do throws(TypeFault) { return try Places(reader.types) } catch { throw .type(error) }
    }
    let entries = try ProcessFault.from { () throws(KernelFault) in
      let files = try reader.pointer(places.files, at: task)
      guard files.rawValue != 0 else { return [UInt64]() }
      let table = try reader.pointer(own.table, at: files)
      let count = min(try reader.value(own.count, at: table), Self.descriptorLimit)
      let bytes = reader.kernel.readable(try reader.pointer(own.array, at: table), upTo: Int(count) * 8).bytes
      return stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).compactMap { bytes.load($0) }
    }
    budget.descriptors -= entries.count
    for entry in entries where entry != 0 {
      // What is lost of one file is not lost of the others.
      try? add(VirtualAddress(rawValue: entry), own, reader)
    }
  }

  private mutating func add(
    _ file: VirtualAddress, _ places: Places, _ reader: KernelReader
  ) throws(KernelFault) {
    switch try reader.value(places.mode, at: file) & Self.kindMask {
    case Self.regularKind where files.count < Self.nameLimit:
      let path = try self.path(of: try reader.pointer(places.dentry, at: file), places, reader)
      if !path.isEmpty, !files.contains(path) { files.append(path) }
    case Self.socketKind where sockets.count < Self.nameLimit:
      let sock = try reader.pointer(places.sock, at: try reader.pointer(places.privateData, at: file))
      guard try reader.value(places.family, at: sock) == Self.unixFamily else { return }
      if let path = boundPath(of: sock, places, reader), !sockets.contains(path) { sockets.append(path) }
    default: break
    }
  }

  /// What a unix socket is bound to; `nil`: to nothing, or to an abstract name, which begins with NUL.
  private func boundPath(of sock: VirtualAddress, _ places: Places, _ reader: KernelReader) -> String? {
    guard let pointer = reader.kernel.u64((sock &+ places.address).rawValue), reader.kernel.isPointer(pointer) else {
      return nil
    }
    // struct unix_address: a count of users, the length of the name, up to 5.16 a hash, then family and path.
    let found = reader.kernel.readable(VirtualAddress(rawValue: pointer), upTo: 16 + Self.nameBytes).bytes
    guard let length: UInt32 = found.load(4), (4...UInt32(Self.nameBytes)).contains(length),
      let start = [8, 12].first(where: { found.load($0, as: UInt16.self) == UInt16(Self.unixFamily) })
    else { return nil }
    let path = found.dropFirst(start + 2).prefix(Int(length) - 2).prefix { $0 != 0 }
    return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
  }

  /// From the root of its file system.
  private func path(
    of dentry: VirtualAddress, _ places: Places, _ reader: KernelReader
  ) throws(KernelFault) -> String {
    var dentry = dentry
    var names: [String] = []
    var bytes = 0
    while names.count < Self.depthLimit, bytes < Self.pathLimit {
      let parent = try reader.pointer(places.parent, at: dentry)
      guard parent != dentry, parent.rawValue != 0 else { break }
      let length = Int(min(try reader.value(places.nameLength, at: dentry), Self.componentLimit))
      let name = try reader.text(at: try reader.pointer(places.name, at: dentry), limit: length)
      names.append(name)
      bytes += name.utf8.count + 1
      dentry = parent
    }
    return names.isEmpty ? "" : "/" + names.reversed().joined(separator: "/")
  }
}
