/// Where the scheduler's structures have what it knows. Places of 6.1 and 7.3 are Debian's; of the other releases
/// they are assumed, each its own, and the names are those of the release.
extension KernelShape {
  private var isNewest: Bool { name == "7.3" }
  /// What tells the releases apart that were not measured.
  private var shift: UInt64 {
    switch name {
    case "4.18": 192
    case "5.10": 128
    case "5.14": 64
    case "6.12": 256
    default: 0
    }
  }

  // struct task_struct
  /// `state` up to 5.13.
  private var hasOldState: Bool { ["4.18", "5.10"].contains(name) }
  var taskState: UInt64 { hasOldState ? 16 : 24 }
  static let taskFlags: UInt64 = 44
  static let taskOnQueue: UInt64 = 104
  static let taskStaticPriority: UInt64 = 112
  static let taskRealtimePriority: UInt64 = 120
  static let taskEntity: UInt64 = 128
  static let taskGroup: UInt64 = 664
  static let taskInfo: UInt64 = 704
  static let taskExit: UInt64 = 956
  static let taskFrozen: UInt64 = 960
  static let taskPolicy: UInt64 = 972
  static let taskMaskPointer: UInt64 = 984
  static let taskMask: UInt64 = 1000
  /// In `thread_info` since 5.16.
  var taskCPU: UInt64 { isMaple ? 20 : 968 }
  var taskBlockedOn: UInt64 { comm + 560 }
  var taskWaiter: UInt64 { comm + 568 }
  var taskThread: UInt64 { comm + 600 }
  static let threadPointer: UInt64 = 24

  // struct sched_entity, struct sched_info
  var entityStart: UInt64 { isNewest ? 112 : 64 }
  var entityNode: UInt64 { isNewest ? 88 : 40 }
  static let infoRuns: UInt64 = 0
  static let infoDelay: UInt64 = 8
  var infoArrival: UInt64 { isNewest ? 32 : 16 }
  var infoQueued: UInt64 { infoArrival + 8 }

  // struct rq
  var queueRunning: UInt64 { isNewest ? 0 : 4 }
  var queueCurrent: UInt64 { isNewest ? 24 : 2400 + shift }
  var queueIdle: UInt64 { queueCurrent + 8 }
  var queueClock: UInt64 { isNewest ? 3984 : 2448 + shift }
  var queueClockTask: UInt64 { isNewest ? 3968 : 2496 + shift }
  var queueCPU: UInt64 { isNewest ? 4136 : 2672 + shift }
  var queueTasks: UInt64 { queueCPU + 8 }
  var queueRealtime: UInt64 { isNewest ? 768 : 576 + shift }
  static let realtimeThrottled: UInt64 = 1668

  // struct task_group, struct cfs_rq, struct cfs_bandwidth
  var groupParent: UInt64 { isNewest ? 416 : 296 }
  var groupQueues: UInt64 { isNewest ? 256 : 208 }
  var groupBandwidth: UInt64 { isNewest ? 464 : 344 }
  var fairThrottled: UInt64 { isNewest ? 424 : 392 }
  var fairSince: UInt64 { isNewest ? 384 : 368 }
  static let bandwidthPeriod: UInt64 = 8
  static let bandwidthQuota: UInt64 = 16
  static let bandwidthPeriods: UInt64 = 208
  /// Queues of a group are a per-CPU variable.
  var hasPerCPUQueues: Bool { isNewest }

  // struct cgroup, struct cgroup_subsys_state, struct freezer
  static let stateSubsystem: UInt64 = 8
  static let stateParent: UInt64 = 56
  static let groupFreezer: UInt64 = 144
  var freezerEffective: UInt64 { isNewest ? 1 : 4 }
  static let freezerState: UInt64 = 64
  /// The kernel has a freezer for the unified hierarchy, since 5.2.
  public var hasUnifiedFreezer: Bool { name != "4.18" }
  /// `freeze_start_nsec`, since 6.18.
  var keepsFreezeStart: Bool { isNewest }
  /// TASK_FROZEN in place of PF_FROZEN, since 6.1.
  public var hasFrozenState: Bool { isMaple }
  /// Of a mutex, whose owner a waiter names since 6.17.
  public var namesMutex: Bool { isNewest }

  /// Frames of the scheduler's structures that a CPU has: its `rq`, in its per-CPU area.
  static let perCPUQueue: UInt64 = 0x30980
  /// Of `cfs_rq`s in that area, where groups have theirs there.
  static let perCPUGroups: UInt64 = 0x38000

  var taskScheduling: [(String, UInt64, KernelType)] {
    var members: [(String, UInt64, KernelType)] = [
      hasOldState
        ? ("state", taskState, .volatile(.int("long int", size: 8, isSigned: true))) : ("__state", taskState, .uint),
      ("flags", KernelShape.taskFlags, .uint), ("on_rq", KernelShape.taskOnQueue, .sint),
      ("static_prio", KernelShape.taskStaticPriority, .sint),
      ("rt_priority", KernelShape.taskRealtimePriority, .uint),
      ("se", KernelShape.taskEntity, .structure("sched_entity")),
      ("sched_task_group", KernelShape.taskGroup, .pointer(to: "task_group")),
      ("sched_info", KernelShape.taskInfo, .structure("sched_info")), ("exit_state", KernelShape.taskExit, .sint),
      ("policy", KernelShape.taskPolicy, .uint), ("thread", taskThread, .structure("thread_struct")),
      ("pi_blocked_on", taskWaiter, .pointer(to: "rt_mutex_waiter")),
      isMaple ? ("thread_info", 0, .structure("thread_info")) : ("cpu", taskCPU, .uint),
    ]
    if name == "4.18" {
      members.append(("cpus_allowed", KernelShape.taskMask, .structure("cpumask")))
    } else {
      members += [
        ("cpus_ptr", KernelShape.taskMaskPointer, .pointer(to: "cpumask")),
        ("cpus_mask", KernelShape.taskMask, .structure("cpumask")),
      ]
    }
    if namesMutex { members.append(("blocked_on", taskBlockedOn, .pointer(to: "mutex"))) }
    return members
  }

  var taskBits: [KernelMember] {
    hasUnifiedFreezer ? [KernelMember("frozen", KernelShape.taskFrozen + 1, .uint, bits: 1, at: 3)] : []
  }

  /// Source: kernel/sched/sched.h, include/linux/sched.h, cgroup-defs.h, mutex.h, rtmutex.h, cpumask.h,
  /// kernel/cgroup/legacy_freezer.c, arch/x86/include/asm/orc_types.h and switch_to.h.
  var scheduling: [KernelStructure] {
    let signed = KernelType.int("long long int", size: 8, isSigned: true)
    let old: [(String, UInt64, KernelType)] = isNewest ? [] : [("rt_throttled", KernelShape.realtimeThrottled, .sint)]
    let current = KernelStructure(
      "", size: 8, [("donor", 0, .pointer(to: "task_struct")), ("curr", 0, .pointer(to: "task_struct"))], isUnion: true)
    let runs: (String, UInt64, KernelType) =
      isNewest ? ("", queueCurrent, .anonymous(current)) : ("curr", queueCurrent, .pointer(to: "task_struct"))
    let throttled =
      isNewest
      ? KernelMember("throttled", fairThrottled, .bool, bits: 1) : KernelMember("throttled", fairThrottled, .sint)
    return [
      KernelStructure("thread_info", size: 24, [("flags", 0, .ulong), ("cpu", 20, .u32)]),
      KernelStructure("thread_struct", size: 64, [("sp", KernelShape.threadPointer, .ulong)]),
      KernelStructure("cpumask", size: 1024, [("bits", 0, .array(.ulong, 128))]),
      KernelStructure(
        "sched_entity", size: 256,
        [
          ("group_node", entityNode, .list), ("exec_start", entityStart, .u64),
          ("sum_exec_runtime", entityStart + 8, .u64),
        ]),
      KernelStructure(
        "sched_info", size: 64,
        [
          ("pcount", KernelShape.infoRuns, .ulong), ("run_delay", KernelShape.infoDelay, .u64),
          ("last_arrival", infoArrival, .u64), ("last_queued", infoQueued, .u64),
        ]),
      KernelStructure("rt_rq", size: 1696, [("rt_nr_running", 1616, .uint)] + old),
      KernelStructure(
        "rq", size: 4800,
        [
          ("nr_running", queueRunning, .uint), ("rt", queueRealtime, .structure("rt_rq")), runs,
          ("idle", queueIdle, .pointer(to: "task_struct")), ("clock", queueClock, .u64),
          ("clock_task", queueClockTask, .u64), ("cpu", queueCPU, .sint), ("cfs_tasks", queueTasks, .list),
        ]),
      KernelStructure(
        "cfs_rq", size: 448,
        members: [
          KernelMember("throttled_clock", fairSince, .u64), throttled,
          KernelMember("runtime_remaining", 352, .typedef("s64", signed)),
        ]),
      KernelStructure(
        "task_group", size: 768,
        [
          ("css", 0, .structure("cgroup_subsys_state")), ("parent", groupParent, .pointer(to: "task_group")),
          (
            "cfs_rq", groupQueues,
            hasPerCPUQueues ? .pointer(to: "cfs_rq") : .pointer(.pointer(to: "cfs_rq"))
          ), ("cfs_bandwidth", groupBandwidth, .structure("cfs_bandwidth")),
        ]),
      KernelStructure(
        "cfs_bandwidth", size: 240,
        [
          ("period", KernelShape.bandwidthPeriod, .typedef("ktime_t", .typedef("s64", signed))),
          ("quota", KernelShape.bandwidthQuota, .u64), ("runtime", 24, .u64),
          ("nr_periods", KernelShape.bandwidthPeriods, .sint), ("nr_throttled", 212, .sint),
          ("throttled_time", 224, .u64),
        ]),
      KernelStructure(
        "cgroup_freezer_state", size: 24,
        [("freeze", 0, .bool), ("e_freeze", freezerEffective, isNewest ? .bool : .sint)]
          + (isNewest ? [("freeze_start_nsec", 16, .u64)] : [])),
      KernelStructure(
        "freezer", size: 72,
        [("css", 0, .structure("cgroup_subsys_state")), ("state", KernelShape.freezerState, .uint)]),
      KernelStructure(
        "mutex", size: 32,
        [("owner", 0, .anonymous(KernelStructure("", size: 8, [("counter", 0, .typedef("s64", signed))])))]),
      KernelStructure("rt_mutex_base", size: 32, [("owner", 24, .pointer(to: "task_struct"))]),
      KernelStructure("rt_mutex_waiter", size: 112, [("lock", 88, .pointer(to: "rt_mutex_base"))]),
    ] + stacks
  }

  /// Numbers and sizes changed with 6.4, and the numbers again by 7.3.
  private var stacks: [KernelStructure] {
    let last = hasThreeBitTypes ? "signal" : "end"
    let bits: [(String, UInt64, UInt32, UInt32)] = [
      ("sp_reg", 4, 0, 4), ("bp_reg", 4, 4, 4), ("type", 5, 0, hasThreeBitTypes ? 3 : 2),
      (last, 5, hasThreeBitTypes ? 3 : 2, 1),
    ]
    return [
      KernelStructure(
        "orc_entry", size: 6,
        members: [
          KernelMember("sp_offset", 0, .typedef("s16", .short)), KernelMember("bp_offset", 2, .typedef("s16", .short)),
        ] + bits.map { KernelMember($0, $1, .uint, bits: $3, at: $2) }),
      KernelStructure(
        "mod_arch_specific", size: 24,
        [
          ("num_orcs", 0, .uint), ("orc_unwind_ip", 8, .pointer(.sint)),
          ("orc_unwind", 16, .pointer(to: "orc_entry")),
        ]),
      hasModuleMemory
        ? KernelStructure("module_memory", size: 72, [("base", 0, .voidPointer), ("size", codeSize, .uint)])
        : KernelStructure(
          "module_layout", size: 80, [("base", 0, .voidPointer), ("size", 8, .uint), ("text_size", codeSize, .uint)]),
      KernelStructure(
        "inactive_task_frame", size: 56,
        ["r15", "r14", "r13", "r12", "bx", "bp", "ret_addr"].enumerated().map { ($1, UInt64($0) * 8, .ulong) }),
    ]
  }

  /// Of `struct module`: its code, of several kinds of memory the first since 6.4, and its ORC tables.
  static let moduleCode: UInt64 = 704
  static let moduleORC: UInt64 = 864
  var hasModuleMemory: Bool { hasThreeBitTypes }
  var codeSize: UInt64 { 12 }

  var hasThreeBitTypes: Bool { hasOffsetsLast }
  /// ORC_REG_SP and ORC_REG_PREV_SP.
  var orcNumbers: (sp: UInt64, previousSP: UInt64) { isNewest ? (3, 8) : (5, 1) }
}
