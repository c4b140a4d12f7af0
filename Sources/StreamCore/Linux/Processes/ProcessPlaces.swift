/// Where a kernel keeps what it knows of a process, by its own types. Each place is known or not on its own.
/// Source: include/linux/sched.h, mm_types.h, cred.h, pid.h, cgroup-defs.h, kernfs.h.
struct ProcessPlaces: Sendable {
  typealias Place = Result<ResolvedPath, TypeFault>

  // task_struct
  let tgid: Place
  let comm: Place
  let leader: Place
  let mm: Place
  let tasks: Place
  /// `cred.uid`, in numbers of the first user namespace.
  let uid: Place
  /// Nanoseconds since boot, time asleep among them.
  let started: Place
  /// `task_struct.cgroups`, a `css_set`.
  let cgroups: Place
  let files: Place
  /// `mm_struct.owner`, where the kernel counts the memory of groups.
  let owner: Place
  let argumentStart: Place
  let argumentEnd: Place
  /// The number of a `struct pid` in the first namespace, and the thread that it is.
  let number: Place
  let thread: Place
  /// Of a task, the node by which its `struct pid` names it.
  let threadLink: Place
  /// Of a task, its `struct pid`.
  let threadPID: Place
  let cgroup: CgroupPlaces

  init(_ types: KernelTypes) {
    tgid = types.place("task_struct.tgid")
    comm = types.place("task_struct.comm")
    leader = types.place("task_struct.group_leader")
    mm = types.place("task_struct.mm")
    tasks = types.place("task_struct.tasks")
    uid = types.place("task_struct.cred->uid.val")
    // Its name up to 5.4.
    started = types.place("task_struct.start_boottime", "task_struct.real_start_time")
    cgroups = types.place("task_struct.cgroups")
    files = types.place("task_struct.files")
    owner = types.place("mm_struct.owner")
    argumentStart = types.place("mm_struct.arg_start")
    argumentEnd = types.place("mm_struct.arg_end")
    number = types.place("pid.numbers[0].nr")
    thread = types.place("pid.tasks[0].first")
    // Before 4.19 each link had a `struct pid` with it.
    threadLink = types.place("task_struct.pid_links[0]", "task_struct.pids[0].node")
    threadPID = types.place("task_struct.thread_pid", "task_struct.pids[0].pid")
    cgroup = CgroupPlaces(types)
  }
}

/// Where a kernel keeps the names of control groups.
struct CgroupPlaces: Sendable {
  /// Of the unified hierarchy.
  let unified: ProcessPlaces.Place
  /// Of each controller, for hosts whose processes are sorted by controllers.
  let controllers: ProcessPlaces.Place
  let ofController: ProcessPlaces.Place
  let node: ProcessPlaces.Place
  let name: ProcessPlaces.Place
  let parent: ProcessPlaces.Place

  init(_ types: KernelTypes) {
    unified = types.place("css_set.dfl_cgrp")
    controllers = types.place("css_set.subsys")
    ofController = types.place("cgroup_subsys_state.cgroup")
    node = types.place("cgroup.kn")
    name = types.place("kernfs_node.name")
    // Its name since 6.15.
    parent = types.place("kernfs_node.parent", "kernfs_node.__parent")
  }
}

extension KernelTypes {
  /// The first of several paths that the types know, for members that have had several names.
  func place(_ paths: String...) -> ProcessPlaces.Place {
    var fault: TypeFault?
    for path in paths {
      do throws(TypeFault) { return .success(try self.path(path)) } catch { fault = fault ?? error }
    }
    return .failure(fault ?? .noTypes)
  }
}

extension KernelReader {
  func value(_ place: ProcessPlaces.Place, at address: VirtualAddress) throws(KernelFault) -> UInt64 {
    try value(try Self.known(place), at: address)
  }

  func pointer(_ place: ProcessPlaces.Place, at address: VirtualAddress) throws(KernelFault) -> VirtualAddress {
    VirtualAddress(rawValue: try value(place, at: address))
  }

  func text(_ place: ProcessPlaces.Place, at address: VirtualAddress) throws(KernelFault) -> String {
    try text(try Self.known(place), at: address)
  }

  static func known(_ place: ProcessPlaces.Place) throws(KernelFault) -> ResolvedPath {
    do throws(TypeFault) { return try place.get() } catch { throw .type(error) }
  }
}
