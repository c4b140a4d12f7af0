/// The control group that a task is in, from the root of its hierarchy. Source: include/linux/cgroup-defs.h (css_set,
/// cgroup), kernfs.h (kernfs_node).
enum CgroupPath {
  /// Groups below each other, and bytes of a path, at most. Source: NAME_MAX, PATH_MAX.
  private static let depthLimit = 256
  private static let nameLimit = 255
  private static let pathLimit = 4096
  /// Controllers that are asked at most; a kernel has some 15.
  private static let controllerLimit = 64

  /// The unified hierarchy's path; where the task is in the root of that, the longest that a controller has.
  static func of(
    _ task: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> String {
    let set = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(places.cgroups, at: task) }
    let unified = Result { () throws(ProcessFault) in
      let group = try ProcessFault.from { () throws(KernelFault) in
        try reader.pointer(places.cgroup.unified, at: set)
      }
      return try path(ofGroup: group, places.cgroup, reader)
    }
    if case .success(let path) = unified, path != "/" { return path }
    let others = controllers(of: set, places.cgroup, reader)
    if let longest = others.max(by: { $0.utf8.count < $1.utf8.count }), longest != "/" { return longest }
    return try unified.get()
  }

  private static func controllers(of set: VirtualAddress, _ places: CgroupPlaces, _ reader: KernelReader) -> [String] {
    guard let path = try? places.controllers.get(),
      let states = try? reader.elements(path, at: set, limit: controllerLimit).values
    else { return [] }
    return states.compactMap { state in
      guard state != 0, let group = try? reader.pointer(places.ofController, at: VirtualAddress(rawValue: state))
      else { return nil }
      return try? self.path(ofGroup: group, places, reader)
    }
  }

  /// - Parameter group: `struct cgroup`.
  static func path(
    ofGroup group: VirtualAddress, _ places: CgroupPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> String {
    var node = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(places.node, at: group) }
    var names: [String] = []
    var bytes = 0
    while true {
      let parent = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(places.parent, at: node) }
      // The root, which has no name.
      guard parent.rawValue != 0 else { break }
      let name = try ProcessFault.from { () throws(KernelFault) in
        try reader.text(at: try reader.pointer(places.name, at: node), limit: nameLimit)
      }
      names.append(name)
      bytes += name.utf8.count + 1
      guard names.count <= depthLimit, bytes <= pathLimit else { throw .noEnd("its control group") }
      node = parent
    }
    return "/" + names.reversed().joined(separator: "/")
  }
}
