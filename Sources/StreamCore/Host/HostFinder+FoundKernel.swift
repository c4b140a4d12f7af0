extension HostFinder {
  /// Texts that begin as VMCOREINFO does and are looked at, at most: a guest could have made all of more.
  private static let textLimit = 1 << 12

  /// Finds the host; where the dump has no VMCOREINFO, its kernel's own is looked for in memory first, and asked.
  mutating func findHost(_ sources: [LayoutSource]) throws -> FoundHost {
    if word.kernel == nil, let found = try foundWord(sources) { word = found }
    return try run(sources)
  }

  /// The word of the kernel whose page tables the regions lead to. By a layout that nobody gave it counts only where
  /// nothing in the dump leads to another one. Source: Documentation/kvm.md §2.3.
  private func foundWord(_ sources: [LayoutSource]) throws -> HostWord? {
    for source in sources {
      guard let kernel = try kernel(by: source) else { continue }
      if source.isCatalogue, let why = try rival(of: kernel) { throw HostWithoutGuests.severalKernels(why: why) }
      return try ownWord(of: kernel)
    }
    return try wordByVMCBs()
  }

  /// The one kernel that the regions of all layouts of a source lead to.
  private func kernel(by source: LayoutSource) throws -> LinuxKernel? {
    let search = try RegionSearch.run(
      scan.regions, layouts: source.layouts(seen: scan.revisions), memory: memory, workers: workers)
    var found: LinuxKernel?
    for result in search.results where result.accepted.count > 0 {
      do throws(UnanchoredKernelFault) {
        let kernel = try LinuxKernel(regions: voters(result), memory: memory)
        if let found, found.kernelHalf(ofCR3: kernel.root.rawValue) != .same { throw .ambiguous(kernel.root) }
        found = found ?? kernel
      } catch {
        switch error {
        case .noPointer, .noKernel: continue
        case .ambiguous, .crowded: throw HostWithoutGuests.kernelUnreadable(why: "\(error)")
        }
      }
    }
    return found
  }

  /// What else in the dump can be the host's kernel, in few words.
  private func rival(of kernel: LinuxKernel) throws -> String? {
    let own = "page tables at \(kernel.root), which regions of a known layout lead to"
    for told in try toldKernels() where kernel.kernelHalf(ofCR3: told.kernel.root.rawValue) != .same {
      guard try told.mayHaveVMs(memory) else { continue }
      return "\(own), and those at \(told.kernel.root), which a VMCOREINFO at \(HPA(frame: told.frame)) names"
    }
    let rivals = KernelRivals(dump: dump, memory: memory, decoders: decoders, workers: workers)
    if let region = try rivals.region(than: kernel) {
      return
        "\(own), and those at \(region.root), which a page at \(region.address) names that looks like a VMCS of another "
        + "processor, with revision id \(hex(region.revision))"
    }
    if let base = try vmcbBases().first {
      return "\(own), and one whose direct map begins at \(VirtualAddress(rawValue: base)), which has VMCBs of AMD's"
    }
    return nil
  }

  /// Its image, which no guest can write, holds pointers to its VMCOREINFO; a text counts where it names the same page
  /// tables. So a text that a guest has in its memory is none.
  private func ownWord(of kernel: LinuxKernel) throws -> HostWord? {
    let pointers = VMCoreInfoPointers(memory: memory, tables: kernel.tables, directMap: kernel.directMapBase)
    for frame in pointers.frames() {
      guard let told = ToldKernel(inFrame: frame, memory),
        told.kernel.directMapBase == kernel.directMapBase,
        told.kernel.kernelHalf(ofCR3: kernel.root.rawValue) == .same
      else { continue }
      return try HostWord(told.info, memory, word.question)
    }
    return nil
  }

  /// All kernels that texts in memory tell of, each once.
  private func toldKernels() throws -> [ToldKernel] {
    guard scan.vmcoreinfo.count <= Self.textLimit else {
      throw HostWithoutGuests.severalKernels(
        why: "\(scan.vmcoreinfo.count) pages begin as VMCOREINFO does, more than can be held against each other")
    }
    var found: [ToldKernel] = []
    scan.vmcoreinfo.forEachRun { run in
      for frame in run {
        guard let told = ToldKernel(inFrame: frame, memory),
          !found.contains(where: { $0.kernel.root == told.kernel.root })
        else { continue }
        found.append(told)
      }
    }
    return found
  }

  /// The bases of direct maps by the places that name VMCBs as KVM does.
  private func vmcbBases() throws -> [UInt64] {
    guard scan.vmcbs.count > 0 else { return [] }
    let vmcbs = try VMCBSearch.run(scan.vmcbs, memory: memory, workers: workers).accepted
    guard vmcbs.count > 0 else { return [] }
    return try VMCBPairScan(dump: dump, decoders: decoders, workers: workers, kernel: nil, vmcbs: vmcbs)
      .bases(in: memory)
  }

  /// The word of the one kernel of an AMD processor that a text in memory tells of, where its direct map is that of all
  /// places that name VMCBs. A VMCB does not name the host's page tables.
  private func wordByVMCBs() throws -> HostWord? {
    let bases = try vmcbBases()
    guard let base = bases.first else { return nil }
    let told = try toldKernels().filter { try $0.mayHaveVMs(memory) }
    guard let only = told.first, told.count == 1, bases.count == 1 else {
      if told.isEmpty { return nil }
      let roots = told.prefix(8).map { "page tables at \($0.kernel.root)" }
      let maps = bases.prefix(8).map { "a direct map at \(VirtualAddress(rawValue: $0))" }
      throw HostWithoutGuests.severalKernels(
        why:
          "VMCOREINFOs tell of \(roots.joined(separator: ", ")), places that name VMCBs of \(maps.joined(separator: ", "))"
      )
    }
    guard only.kernel.directMapBase.rawValue == base, only.kernel.processorVendor()?.hasSVM == true else { return nil }
    return try HostWord(only.info, memory, word.question)
  }
}
