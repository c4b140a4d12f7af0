/// What a kernel keeps of its processes' users, control groups, files and sockets: objects of at most 256 bytes.
/// Source: the headers that `KernelShape.naming` names.
struct KernelNames: Sendable {
  /// Which objects a process' tasks and files lead to. Physical addresses.
  struct Process: Sendable {
    let cred: UInt64
    let cssSet: UInt64
  }

  private let shape: KernelShape
  private var objects = KernelSlab(objectSize: 256, slabFrames: 4)
  private var groups: [String: UInt64] = [:]
  private var anonymous: UInt64?

  init(_ shape: KernelShape) { self.shape = shape }

  mutating func process<Space: FrameSpace>(
    _ process: ProcessDescription, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> Process {
    let cred = try objects.allocate(in: &space)
    space.memory.store(process.uid, at: cred + KernelShape.credUID, width: 4)
    let set = try objects.allocate(in: &space)
    let own = try group(process.cgroup, kernel: kernel, in: &space)
    let root = try group("/", kernel: kernel, in: &space)
    // Hosts of kernels before 6 sort their processes by controllers.
    space.memory.store(kernel.virtual(shape.isMaple ? own : root), at: set + KernelShape.defaultCgroup)
    // `cgroup.self` is what a controller's pointer leads to, too, where the controller keeps nothing.
    space.memory.store(kernel.virtual(own), at: set + 8)
    return Process(cred: cred, cssSet: set)
  }

  /// `struct cgroup` with its `kernfs_node`, and all those above it.
  private mutating func group<Space: FrameSpace>(
    _ path: String, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    if let known = groups[path] { return known }
    let parts = path.split(separator: "/")
    let group = try objects.allocate(in: &space)
    let node = try objects.allocate(in: &space)
    space.memory.store(kernel.virtual(group), at: group)
    space.memory.store(kernel.virtual(node), at: group + KernelShape.cgroupNode)
    let name = try text(Array((parts.last ?? "").utf8), in: &space)
    space.memory.store(kernel.virtual(name), at: node + KernelShape.nodeName)
    if !parts.isEmpty {
      let above = try self.group("/" + parts.dropLast().joined(separator: "/"), kernel: kernel, in: &space)
      let parent = space.memory.load(above + KernelShape.cgroupNode)
      space.memory.store(parent, at: node + KernelShape.nodeParent)
      // `cgroup.self` comes first.
      space.memory.store(kernel.virtual(above), at: group + KernelShape.stateParent)
    }
    groups[path] = group
    return group
  }

  /// A text with its NUL, at most 255 bytes.
  private mutating func text<Space: FrameSpace>(
    _ bytes: [UInt8], in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let place = try objects.allocate(in: &space)
    space.memory.write(bytes.prefix(255), at: place)
    return place
  }

  /// What a file has that is no file of a file system.
  mutating func writeAnonymous<Space: FrameSpace>(
    file: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    if anonymous == nil { anonymous = try inode(mode: 0o600, in: &space) }
    space.memory.store(kernel.virtual(anonymous ?? 0), at: file + shape.fileInode)
  }

  mutating func writeRegular<Space: FrameSpace>(
    file: UInt64, path: [UInt8], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    space.memory.store(kernel.virtual(try inode(mode: 0o100644, in: &space)), at: file + shape.fileInode)
    var above = try objects.allocate(in: &space)
    space.memory.store(kernel.virtual(above), at: above + KernelShape.dentryParent)
    for part in path.split(separator: UInt8(ascii: "/")) {
      let dentry = try objects.allocate(in: &space)
      let name = try text(Array(part), in: &space)
      space.memory.store(kernel.virtual(above), at: dentry + KernelShape.dentryParent)
      space.memory.store(UInt64(min(part.count, 255)), at: dentry + KernelShape.dentryName + 4, width: 4)
      space.memory.store(kernel.virtual(name), at: dentry + KernelShape.dentryName + 8)
      above = dentry
    }
    space.memory.store(kernel.virtual(above), at: file + shape.filePath + 8)
  }

  /// A unix socket that is bound to a path of at most 107 bytes.
  mutating func writeSocket<Space: FrameSpace>(
    file: UInt64, path: [UInt8], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    space.memory.store(kernel.virtual(try inode(mode: 0o140777, in: &space)), at: file + shape.fileInode)
    let socket = try objects.allocate(in: &space)
    let sock = try objects.allocate(in: &space)
    let address = try objects.allocate(in: &space)
    space.memory.store(kernel.virtual(socket), at: file + shape.privateData)
    space.memory.store(kernel.virtual(sock), at: socket + KernelShape.socketSock)
    space.memory.store(1, at: sock + KernelShape.sockFamily, width: 2)
    space.memory.store(kernel.virtual(address), at: sock + KernelShape.sockSize)
    space.memory.store(UInt64(path.count + 3), at: address + 4, width: 4)
    space.memory.store(1, at: address + shape.addressName, width: 2)
    space.memory.write(path.prefix(107), at: address + shape.addressName + 2)
  }

  private mutating func inode<Space: FrameSpace>(
    mode: UInt64, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let inode = try objects.allocate(in: &space)
    space.memory.store(mode, at: inode, width: 2)
    return inode
  }
}
