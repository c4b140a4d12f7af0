extension VMMemory {
  /// 2 MiB windows of each slot that are looked at, and frames that are enough.
  private static let windows: UInt64 = 8
  private static let enough = 32

  /// The memory of a VM whose kernel has no types: by slots of a known shape, and by the page tables that its vCPUs' host
  /// state names. They count only where both say the same as the second-level tables do.
  /// - Parameters:
  ///   - pages: of the VMM.
  ///   - tables: the guest's.
  /// - Returns: `nil` where the VM's shape is none that is known.
  /// - Throws: that the dump lacks what would tell, or has it damaged.
  static func byShape(
    of kvm: VirtualAddress, _ pages: ProcessPages, tables: [any SecondLevelTables], kernel: LinuxKernel
  ) throws(VMMemoryFault) -> VMMemory? {
    var lost: VMMemoryFault?
    for shape in SlotTypes.known {
      // The sets are members of the VM itself, so that no pointer to elsewhere is taken for one to them.
      guard let set = kernel.u64((kvm &+ shape.sets).rawValue), set >= kvm.rawValue, set < kvm.rawValue &+ shape.sets
      else { continue }
      do throws(VMMemoryFault) {
        let memory = try VMMemory(of: kvm, shape, pages, kernel)
        if let gap = memory.gap { throw gap }
        if !memory.slots.isEmpty, try memory.agrees(with: tables) { return memory }
      } catch {
        // Anything else tells that the shape is not this one.
        if error.isOfDump { lost = lost ?? error }
      }
    }
    if let lost { throw lost }
    return nil
  }

  /// Whether the frames that the tables map are those of the VMM's pages that the slots say.
  /// - Throws: that too little is left of the VMM's page tables to tell.
  private func agrees(with tables: [any SecondLevelTables]) throws(VMMemoryFault) -> Bool {
    var same = 0
    var isUnknown = false
    for slot in slots {
      var own = 0
      let span: UInt64 = 1 << 9
      let count = UInt64(slot.frames.count)
      for window in 0..<Self.windows where own < Self.enough {
        let start = slot.frames.lowerBound + count / Self.windows * window
        let end = min(slot.frames.upperBound, (start + span) & ~(span - 1))
        guard start < end else { continue }
        var contradicts = false
        for map in tables {
          _ = map.walk(in: start..<end) { run in
            guard own < Self.enough else { return }
            switch pages.content(of: slot.page(run.gpaFrame)) {
            case .frames(let frame) where frame == run.hostFrame: own += 1
            case .unknown: isUnknown = true
            case .frames, .absent, nil: contradicts = true
            }
          }
        }
        if contradicts { return false }
      }
      same += own
    }
    if same < Self.enough / 2, isUnknown { throw .noPages }
    return same >= Self.enough / 2
  }
}

extension VMMemoryFault {
  /// The dump lacks it, or has it damaged.
  fileprivate var isOfDump: Bool {
    switch self {
    case .unreadable(_, let fault): fault.isOfDump
    case .tree(let gap): if case .unreadable(let fault) = gap.reason { fault.isOfDump } else { false }
    case .noPages: true
    default: false
    }
  }
}
