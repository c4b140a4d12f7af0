/// Where users, control groups, files and sockets have their names.
extension KernelShape {
  // struct task_struct
  var started: UInt64 { pid + 304 }
  var links: UInt64 { pid + 112 }
  var cred: UInt64 { comm - 16 }
  var cgroups: UInt64 { comm + 512 }
  // struct file
  var isNewFile: Bool { operations < 40 }
  var fileInode: UInt64 { isNewFile ? 40 : 32 }
  var filePath: UInt64 { isNewFile ? 64 : 16 }
  static let credUID: UInt64 = 4
  static let defaultCgroup: UInt64 = 120
  static let cgroupNode: UInt64 = 128
  static let nodeParent: UInt64 = 8
  static let nodeName: UInt64 = 16
  static let dentryParent: UInt64 = 24
  static let dentryName: UInt64 = 32
  static let socketSock: UInt64 = 24
  static let sockFamily: UInt64 = 16
  static let sockSize: UInt64 = 192
  /// Of `struct unix_address`, which had a hash up to 5.16.
  var addressName: UInt64 { isMaple ? 8 : 12 }

  /// 4.18 has older names: each link of a task stands with its `struct pid`.
  private var isOld: Bool { name == "4.18" }

  var taskNaming: [(String, UInt64, KernelType)] {
    [
      isOld
        ? ("pids", links, .array(.structure("pid_link"), 3))
        : ("pid_links", links, .array(.structure("hlist_node"), 4)),
      (isOld ? "real_start_time" : "start_boottime", started, .u64),
      ("cred", cred, .pointer(.const(.structure("cred")))), ("cgroups", cgroups, .pointer(to: "css_set")),
      ("nsproxy", comm + 64, .pointer(to: "nsproxy")),
    ]
  }

  var fileNaming: [(String, UInt64, KernelType)] {
    [
      ("f_inode", fileInode, .pointer(to: "inode")), ("f_path", filePath, .structure("path")),
      ("f_mapping", fileMapping, .pointer(to: "address_space")),
    ]
  }

  /// Source: include/linux/cred.h, uidgid.h, cgroup-defs.h, kernfs.h, path.h, dcache.h, fs.h, net.h, include/net/sock.h,
  /// include/net/af_unix.h, include/uapi/linux/un.h.
  var naming: [KernelStructure] {
    let user = KernelType.typedef("kuid_t", .anonymous(KernelStructure("", size: 4, [("val", 0, .uint)])))
    let hash = KernelStructure("", size: 8, [("hash", 0, .u32), ("len", 4, .u32)])
    let both = KernelStructure("", size: 8, [("", 0, .anonymous(hash)), ("hash_len", 0, .u64)], isUnion: true)
    return [
      KernelStructure("pid_link", size: 24, [("node", 0, .structure("hlist_node")), ("pid", 16, .pointer(to: "pid"))]),
      KernelStructure("cred", size: 176, [("usage", 0, .atomic), ("uid", KernelShape.credUID, user)]),
      KernelStructure(
        "css_set", size: 256,
        [
          ("subsys", 0, .array(.pointer(to: "cgroup_subsys_state"), 14)),
          ("dfl_cgrp", KernelShape.defaultCgroup, .pointer(to: "cgroup")),
        ]),
      KernelStructure(
        "cgroup_subsys_state", size: 64,
        [
          ("cgroup", 0, .pointer(to: "cgroup")), ("ss", KernelShape.stateSubsystem, .pointer(to: "cgroup_subsys")),
          ("parent", KernelShape.stateParent, .pointer(to: "cgroup_subsys_state")),
        ]),
      KernelStructure(
        "cgroup", size: 256,
        [
          ("self", 0, .structure("cgroup_subsys_state")),
          ("kn", KernelShape.cgroupNode, .pointer(to: "kernfs_node")),
        ] + (hasUnifiedFreezer ? [("freezer", KernelShape.groupFreezer, .structure("cgroup_freezer_state"))] : [])),
      KernelStructure(
        "kernfs_node", size: 128,
        [
          (name == "7.3" ? "__parent" : "parent", KernelShape.nodeParent, .pointer(to: "kernfs_node")),
          ("name", KernelShape.nodeName, .pointer(.const(.char))),
        ]),
      KernelStructure("path", size: 16, [("mnt", 0, .pointer(to: "vfsmount")), ("dentry", 8, .pointer(to: "dentry"))]),
      KernelStructure(
        "qstr", size: 16, [("", 0, .anonymous(both)), ("name", 8, .pointer(.const(.u8)))]),
      KernelStructure(
        "dentry", size: 192,
        [
          ("d_parent", KernelShape.dentryParent, .pointer(to: "dentry")),
          ("d_name", KernelShape.dentryName, .structure("qstr")), ("d_inode", 48, .pointer(to: "inode")),
        ]),
      KernelStructure(
        "inode", size: 256,
        [
          ("i_mode", 0, .typedef("umode_t", .u16)), ("i_flags", KernelShape.inodeFlags, .uint),
          ("i_sb", KernelShape.inodeSuper, .pointer(to: "super_block")),
          ("i_mapping", KernelShape.inodeMapping, .pointer(to: "address_space")),
        ]),
      KernelStructure(
        "socket", size: 128, [("state", 0, .uint), ("sk", KernelShape.socketSock, .pointer(to: "sock"))]),
      KernelStructure("sock_common", size: 136, [("skc_family", KernelShape.sockFamily, .u16)]),
      KernelStructure(
        "sock", size: KernelShape.sockSize,
        [("__sk_common", 0, .structure("sock_common")), ("sk_socket", 144, .pointer(to: "socket"))]),
      KernelStructure("nsproxy", size: 72, [("net_ns", 40, .pointer(to: "net"))]),
      KernelStructure("net", size: 256, [("rtnl", 64, .pointer(to: "sock"))]),
      KernelStructure(
        "unix_sock", size: 256,
        [("sk", 0, .structure("sock")), ("addr", KernelShape.sockSize, .pointer(to: "unix_address"))]),
      KernelStructure("sockaddr_un", size: 110, [("sun_family", 0, .u16), ("sun_path", 2, .array(.char, 108))]),
      KernelStructure(
        "unix_address", size: addressName,
        [
          ("refcnt", 0, .atomic), ("len", 4, .sint),
          ("name", addressName, .array(.structure("sockaddr_un"), 0)),
        ]),
    ]
  }
}
