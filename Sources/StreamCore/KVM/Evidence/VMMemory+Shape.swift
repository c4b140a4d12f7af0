extension VMMemory {
  /// 2 MiB windows of each slot that are looked at, and frames that are enough.
  private static let windows: UInt64 = 8
  private static let enough = 32

  /// The memory of a VM whose kernel has no types: by slots of a known shape, and by the page tables that its vCPUs' host
  /// state names. They count only where both say the same as the second-level tables do.
  /// - Parameters:
  ///   - pages: of the VMM.
  ///   - tables: the guest's.
  init?(
    byShapeOf kvm: VirtualAddress, _ pages: ProcessPages, tables: [any SecondLevelTables], kernel: LinuxKernel
  ) {
    for shape in SlotTypes.known {
      // The sets are members of the VM itself, so that no pointer to elsewhere is taken for one to them.
      guard let set = kernel.u64((kvm &+ shape.sets).rawValue), set >= kvm.rawValue, set < kvm.rawValue &+ shape.sets,
        let memory = try? VMMemory(of: kvm, shape, pages, kernel), memory.isWhole, !memory.slots.isEmpty,
        memory.agrees(with: tables)
      else { continue }
      self = memory
      return
    }
    return nil
  }

  /// Whether the frames that the tables map are those of the VMM's pages that the slots say.
  private func agrees(with tables: [any SecondLevelTables]) -> Bool {
    var same = 0
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
            if pages.frame(slot.page(run.gpaFrame)) == run.hostFrame { own += 1 } else { contradicts = true }
          }
        }
        if contradicts { return false }
      }
      same += own
    }
    return same >= Self.enough / 2
  }
}
