/// What in a dump without VMCOREINFO can be the host's kernel, beside the one that regions lead to. A guest can have a
/// whole kernel in its memory, with regions of a layout that is known, and be alone in being read where the processor's
/// own layout is not known. What it cannot do is take the host's own out of the dump. Source: Documentation/kvm.md §2.3.
struct KernelRivals {
  let dump: any HostDump
  let memory: HostMemory
  let decoders: DecoderPool
  let workers: Workers

  /// A page that is a region by what no layout is needed to see, and the tables of a kernel that it leads to.
  struct Region: Sendable {
    var address: HPA
    var revision: UInt32
    var root: HPA
  }

  /// The first page, by address, that looks like a region of whatever processor and names the page tables of another
  /// kernel than `kernel`. Guests choose many values of their host's regions, so that naming `kernel`, too, excuses
  /// none.
  func region(than kernel: LinuxKernel) throws -> Region? {
    try workers.map(dump.stretches) { frames in
      var first: Region?
      var last: StoredPage?
      var asked = 0
      try decoders.borrow { decoder in
        try dump.visit(
          frames,
          page: { page in
            defer { last = page }
            guard first == nil, StoredSizeLimit.allowsRegion(page), last?.sharesBytes(with: page) != true else {
              return
            }
            asked += Int(page.size)
            let head = try dump.input.source.lend(at: page.offset, of: Int(page.file), count: Int(page.size)) {
              try decoder.head($0, page.codec)
            }
            guard case .head(let head) = head, Self.canBegin(head), let whole = memory.page(page.frame).page,
              let root = Self.root(namedBy: whole, kernel)
            else { return }
            first = Region(address: HPA(frame: page.frame), revision: whole.revisionID, root: root)
          }, fault: { _ in })
      }
      dump.input.counters.add(asked, .heads)
      try dump.input.source.check()
      return first
    }.compactMap(\.self).min { $0.address < $1.address }
  }

  /// A revision id and no abort.
  private static func canBegin(_ head: PageHead) -> Bool { head.low != 0 && head.low < 1 << 31 }

  private static func root(namedBy page: Page, _ kernel: LinuxKernel) -> HPA? {
    for value in VMXSigns.hostRoots(ofRegion: page, kernel.memory) ?? [] {
      guard kernel.kernelHalf(ofCR3: value) != .same,
        let top = kernel.memory.page((value & X86PageTables.addressMask) >> 12).page, top.entry(511) & 1 == 1
      else { continue }
      for levels in [4, 5] {
        if let other = try? LinuxKernel(
          memory: kernel.memory, root: HPA(rawValue: value), levels: levels, anchored: false)
        {
          return other.root
        }
      }
    }
    return nil
  }
}

/// A kernel that a VMCOREINFO in memory describes by addresses that hold in the host's physical memory. A guest's own
/// has its guest's addresses, which lead nowhere there.
struct ToldKernel {
  let frame: UInt64
  let info: VMCoreInfo
  let kernel: LinuxKernel

  /// `nil`: its addresses lead to no tables that show themselves, or to others than it names.
  init?(inFrame frame: UInt64, _ memory: any PhysicalMemory) {
    guard let info = memory.vmcoreinfo(inFrame: frame),
      let kernel = try? LinuxKernel(vmcoreinfo: info, memory: memory),
      let symbol = info.symbol("swapper_pg_dir"), kernel.translate(symbol) == kernel.root
    else { return nil }
    self.frame = frame
    self.info = info
    self.kernel = kernel
  }

  /// Whether it can be the host of guests: one that kexec left behind has none, and says so where its types are known.
  func mayHaveVMs(_ memory: HostMemory) throws -> Bool {
    guard let listed = try HostWord(info, memory).listed else { return true }
    return !listed.vms.isEmpty || listed.damage != nil || listed.gap != nil
  }
}
