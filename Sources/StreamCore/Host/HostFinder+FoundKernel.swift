extension HostFinder {
  /// Finds the host; where the dump has no VMCOREINFO, its kernel's own is looked for in memory first, and asked.
  mutating func findHost(_ sources: [LayoutSource]) throws -> FoundHost {
    if word.kernel == nil, let found = try foundWord(sources) { word = found }
    return try run(sources)
  }

  /// The word of the kernel whose page tables the regions lead to. Its image, which no guest can write, holds pointers
  /// to its VMCOREINFO; a text counts where it names the same page tables. So a text that a guest has in its memory is
  /// none. Source: Documentation/kvm.md §2.3.
  private func foundWord(_ sources: [LayoutSource]) throws -> HostWord? {
    for source in sources {
      let search = try RegionSearch.run(
        scan.regions, layouts: source.layouts(seen: scan.revisions), memory: memory, workers: workers)
      for result in search.results where result.accepted.count > 0 {
        guard let kernel = try? LinuxKernel(regions: voters(result), memory: memory) else { continue }
        let pointers = VMCoreInfoPointers(memory: memory, tables: kernel.tables, directMap: kernel.directMapBase)
        for frame in pointers.frames() {
          guard let info = memory.vmcoreinfo(inFrame: frame), isOwn(info, kernel) else { continue }
          return try HostWord(info, memory, word.question)
        }
      }
    }
    return nil
  }

  private func isOwn(_ info: VMCoreInfo, _ kernel: LinuxKernel) -> Bool {
    guard let named = try? LinuxKernel(vmcoreinfo: info, memory: memory),
      let symbol = info.symbol("swapper_pg_dir"), kernel.translate(symbol) == named.root
    else { return false }
    return named.directMapBase == kernel.directMapBase && named.kernelHalf(ofCR3: kernel.root.rawValue) == .same
  }
}
