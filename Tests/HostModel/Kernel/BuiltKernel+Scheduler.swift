/// What a kernel that describes itself has of its scheduler: run queues, which CPU panicked, the functions in which tasks
/// wait, and the tables by which their stacks are read.
extension BuiltKernel {
  /// Functions that tasks wait in, and those that call them. The first two are the scheduler's own.
  public static let waitFunctions = [
    "__schedule", "schedule", "futex_wait_queue", "do_sys_poll", "folio_wait_bit_common", "do_syscall_64",
    "get_signal", "kvm_vcpu_block",
  ]
  private static let schedulerFunctions: UInt64 = 2

  /// The return address in a function; `nil` for one that the kernel does not have.
  public func returnAddress(_ function: String) -> UInt64? {
    BuiltKernel.waitFunctions.firstIndex(of: function).map {
      stext + DataPlace.functions + UInt64($0) * DataPlace.functionStep + 0x40
    }
  }

  var schedulerSymbols: [(Character, String, UInt64)] {
    let functions = BuiltKernel.waitFunctions.enumerated().map { index, name in
      (Character("t"), name, DataPlace.functions + UInt64(index) * DataPlace.functionStep)
    }
    let count = UInt64(functions.count) + 1
    return functions + [
      ("T", "_etext", DataPlace.initTask), ("D", "nr_cpu_ids", DataPlace.cpuCount),
      ("B", "panic_cpu", DataPlace.panicCPU), ("B", "crashing_cpu", DataPlace.crashingCPU),
      ("D", "freezer_cgrp_subsys", DataPlace.freezer), ("T", "__sched_text_start", DataPlace.functions),
      ("T", "__sched_text_end", DataPlace.functions + BuiltKernel.schedulerFunctions * DataPlace.functionStep),
      ("D", "__start_orc_unwind_ip", DataPlace.orcPlaces),
      ("D", "__stop_orc_unwind_ip", DataPlace.orcPlaces + count * 4),
      ("D", "__start_orc_unwind", DataPlace.orcRules),
    ]
  }

  /// No CPU has panicked, as far as that is noted. Every function has a frame of 64 bytes but the first, which saves BP.
  func writeScheduler(_ own: KernelSelfDescription, in space: inout some FrameSpace) {
    space.memory.store(UInt64(perCPU.count), at: image + DataPlace.cpuCount, width: 4)
    for place in [DataPlace.panicCPU, DataPlace.crashingCPU] {
      space.memory.store(0xffff_ffff, at: image + place, width: 4)
    }
    for (cpu, area) in perCPU.enumerated() {
      let queue = area + KernelShape.perCPUQueue
      let head = queue + own.shape.queueTasks
      space.memory.store(UInt64(cpu), at: queue + own.shape.queueCPU, width: 4)
      BuiltKernel.close([virtual(head)], at: [head], in: &space.memory)
    }
    let type: UInt64 = own.shape.hasThreeBitTypes ? 2 : 0
    let numbers = own.shape.orcNumbers
    for index in 0...UInt64(BuiltKernel.waitFunctions.count) {
      let function = stext + DataPlace.functions + index * DataPlace.functionStep
      let place = DataPlace.orcPlaces + index * 4
      space.memory.store(function &- (stext + place), at: image + place, width: 4)
      let saves = index == 0
      let rule = image + DataPlace.orcRules + index * 6
      space.memory.store(saves ? 16 : 64, at: rule, width: 2)
      space.memory.store(saves ? 0xfff0 : 0, at: rule + 2, width: 2)
      space.memory.store(
        (saves ? 4 : numbers.sp) | (saves ? numbers.previousSP : 0) << 4 | type << 8, at: rule + 4, width: 2)
    }
  }
}
