import Synchronization

/// One pass over all stored pages, decoded whole, for places where the two addresses of a VMCB stand side by side, that in
/// the direct map and the physical one, as KVM keeps them. Only marks are kept, one bit a frame: guests can write any
/// number.
struct VMCBPairScan {
  let dump: any HostDump
  let decoders: DecoderPool
  let workers: Workers
  /// `nil`: any direct map will do.
  let kernel: LinuxKernel?
  /// Frames of VMCBs.
  let vmcbs: FrameBitmap

  /// Bases that are told apart; one more than this is as good as any.
  private static let baseLimit = 64

  /// Frames that hold such places.
  func run() throws -> FrameBitmap {
    let frames = Mutex(FrameBitmap())
    let stretches = dump.stretches
    try workers.forEach(stretches.count) { _, item in
      var found: [UInt64] = []
      try decoders.borrow { decoder in
        try dump.forEachPage(in: stretches[item], decoder, for: .structures) { frame, page in
          if page.withBytes({ hasPair($0) }) { found.append(frame) }
        }
      }
      let part = found
      frames.withLock { frames in
        for frame in part { frames.insert(frame) }
      }
    }
    return frames.withLock { frames in
      frames.freeze()
      return frames
    }
  }

  /// The bases of direct maps that such places follow from, ascending. Source: KVM, struct kvm_vmcb_info: ptr, pa.
  func bases(in memory: any PhysicalMemory) throws -> [UInt64] {
    var found: Set<UInt64> = []
    try run().forEachRun { run in
      for frame in run where found.count < Self.baseLimit {
        if let page = memory.page(frame).page { found.formUnion(page.bytes.withBytes { bases(in: $0) }) }
      }
    }
    return found.sorted()
  }

  /// Bits of a physical address below those that encrypt.
  private static let addressMask: UInt64 = 1 << 47 - 1

  private func bases(in bytes: RawSpan) -> [UInt64] {
    var bases: [UInt64] = []
    for at in stride(from: 0, to: pageSize - 8, by: 8) {
      guard let value: UInt64 = bytes.load(at), value & 0xfff == 0, value >> 63 == 1,
        let next: UInt64 = bytes.load(at + 8)
      else { continue }
      let address = next & Self.addressMask
      let base = value &- address
      guard address & 0xfff == 0, base & (1 << 30 - 1) == 0, base >> 63 == 1, vmcbs.contains(address >> 12),
        VirtualAddress(rawValue: base).isCanonical(levels: 5)
      else { continue }
      bases.append(base)
    }
    return bases
  }

  private func hasPair(_ bytes: RawSpan) -> Bool {
    guard let kernel else { return !bases(in: bytes).isEmpty }
    let base = kernel.directMapBase.rawValue
    for at in stride(from: 0, to: pageSize, by: 8) {
      guard let value: UInt64 = bytes.load(at), value & 0xfff == 0, value > base else { continue }
      let address = value - base
      guard address >> 52 == 0, vmcbs.contains(address >> 12) else { continue }
      // The other one may stand in the next page.
      guard let next: UInt64 = bytes.load(at + 8) else { return true }
      if next & kernel.frameMask == address { return true }
    }
    return false
  }
}

/// The places in frames with such pairs, judged as what KVM names a VMCB in.
struct VMCBHolders {
  let kernel: LinuxKernel
  /// Frames of VMCBs, and of what names them.
  let vmcbs: FrameBitmap
  let frames: FrameBitmap

  /// Looked at in one page at most: a vCPU takes more than a page and has two, and of its registers a guest can make eight.
  private static let limit = 16

  /// - Parameter body: takes a VMCB and a place that names it, in order of places.
  func forEach(_ body: (RegionFacts, RegionHolder) -> Void) {
    frames.forEachRun { run in
      for frame in run { page(frame, body) }
    }
  }

  private func page(_ frame: UInt64, _ body: (RegionFacts, RegionHolder) -> Void) {
    guard let page = kernel.memory.page(frame).page else { return }
    var left = Self.limit
    for offset in stride(from: 0, to: pageSize, by: 8) where left > 0 {
      let value = page.u64(offset)
      guard value & 0xfff == 0, vmcbs.contains((value &- kernel.directMapBase.rawValue) >> 12),
        offset + 8 == pageSize || kernel.directMapped(HPA(rawValue: page.u64(offset + 8) & kernel.frameMask)) == value,
        let region = kernel.page(named: value), let vmcb = VMCBSearch.vmcb(region.frame, in: kernel.memory)
      else { continue }
      left -= 1
      let place = frame << 12 | UInt64(offset)
      let facts = RegionFacts(vmcb)
      let bytes = PhysicalBytes(kernel.memory, from: place, count: RegionHolder.reach)
      let holder = RegionHolder(at: place, of: facts, bytes: bytes, kernel: kernel)
      guard holder.isConvincing || holder.isConvincingNested else { continue }
      body(facts, holder)
    }
  }
}

/// Places that are known already.
struct KnownPlaces: PointerSearch {
  /// By the address that stands there.
  private(set) var places: [UInt64: [HPA]] = [:]

  /// Kept for one address.
  private static let limit = 16

  mutating func insert(_ value: UInt64, at place: UInt64) {
    let place = HPA(rawValue: place)
    guard places[value, default: []].count < Self.limit, places[value]?.contains(place) != true else { return }
    places[value, default: []].append(place)
  }

  func pointers(to values: [UInt64]) -> [UInt64: [HPA]] { places }
}
