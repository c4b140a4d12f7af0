/// Which pages of guests with a guest_memfd are private: by the attributes of the VM, or, where KVM converts pages in
/// place, by those that each guest_memfd keeps itself.
///
/// Source: virt/kvm/kvm_main.c, gmem_in_place_conversion, `kvm.mem_attr_array`; virt/kvm/guest_memfd.c,
/// kvm_gmem_is_private_mem, `gmem_inode.attributes`; include/uapi/linux/kvm.h, KVM_MEMORY_ATTRIBUTE_PRIVATE.
struct MemoryAttributes: Sendable {
  /// What is known of a run of guest frames.
  enum Kind: Sendable { case shared, `private`, unknown }
  typealias Part = (frames: Range<UInt64>, kind: Kind)

  /// `kvm.mem_attr_array`, and its head in it; bytes.
  private let ofVM: (array: UInt64, head: UInt64)?
  /// From a file to its inode, and from there to the root of the tree, which may stand before the inode: wraps.
  private let ofFile: (inode: ResolvedPath, root: UInt64)?
  /// The files' count. `nil`: not told.
  private let isInPlace: Bool?
  private let reader: KernelReader

  private static let modeSymbol = "gmem_in_place_conversion"
  private static let privateBit: UInt64 = 1 << 3
  /// Those that can be: what has others is none.
  private static let knownBits: UInt64 = 0xf

  init(_ kernel: DescribedKernel) {
    let types = kernel.types
    reader = kernel.reader
    if let array = try? KVMTypes.place("kvm.mem_attr_array", types),
      let head = try? KVMTypes.place("kvm.mem_attr_array.xa_head", types)
    {
      ofVM = (array, head &- array)
    } else {
      ofVM = nil
    }
    if let inode = try? types.path("file.f_inode"), let own = try? KVMTypes.place("gmem_inode.vfs_inode", types),
      let root = try? KVMTypes.place("gmem_inode.attributes.ma_root", types)
    {
      ofFile = (inode, root &- own)
    } else {
      ofFile = nil
    }
    let mode = try? kernel.symbol(Self.modeSymbol, of: "kvm")
    isInPlace = mode.flatMap { try? kernel.kernel.integer($0, size: 1) }.map { $0 != 0 }
  }

  /// The parts of a run of a slot's frames, ascending and without gaps.
  func parts(_ frames: Range<UInt64>, of slot: MemorySlot, in kvm: VirtualAddress) -> [Part] {
    guard ofVM == nil || ofFile == nil else {
      switch isInPlace {
      case true?: return partsByFile(frames, of: slot)
      case false?: return partsByVM(frames, kvm)
      case nil: return Self.agreeing(partsByFile(frames, of: slot), partsByVM(frames, kvm))
      }
    }
    return ofFile == nil ? partsByVM(frames, kvm) : partsByFile(frames, of: slot)
  }

  /// A frame without an entry is shared.
  private func partsByVM(_ frames: Range<UInt64>, _ kvm: VirtualAddress) -> [Part] {
    guard let ofVM, let head = reader.kernel.u64((kvm &+ ofVM.array &+ ofVM.head).rawValue) else {
      return [(frames, .unknown)]
    }
    let array = KernelXArray(
      kvm &+ ofVM.array, head: head, kernel: reader.kernel, indexes: frames.lowerBound...frames.upperBound - 1)
    guard array.gaps.isEmpty else { return [(frames, .unknown)] }
    let entries = array.entries.map { ($0.index..<max($0.index, $0.index &+ $0.count), $0.value) }
    return Self.parts(of: frames, entries, without: .shared)
  }

  /// Each page of a file has an entry, whether or not it was ever there.
  private func partsByFile(_ frames: Range<UInt64>, of slot: MemorySlot) -> [Part] {
    guard let ofFile, let file = slot.file, let inode = try? reader.pointer(ofFile.inode, at: file.file),
      reader.kernel.isPointer(inode.rawValue), let root = reader.kernel.u64((inode &+ ofFile.root).rawValue)
    else { return [(frames, .unknown)] }
    // Pages of the file are below 2^52 and frames below 2^40.
    let first = frames.lowerBound - slot.frames.lowerBound + file.page
    let last = first + UInt64(frames.count) - 1
    let tree = KernelMapleTree(root: root, kernel: reader.kernel, indexes: first...last, limit: KernelXArray.limit)
    guard tree.gaps.isEmpty else { return [(frames, .unknown)] }
    let entries = tree.entries.map { entry in
      let own = entry.indexes.clamped(to: first...last)
      let start = own.lowerBound - first + frames.lowerBound
      return (start..<start + (own.upperBound - own.lowerBound) + 1, entry.value)
    }
    return Self.parts(of: frames, entries, without: .unknown)
  }

  /// - Parameters:
  ///   - entries: ascending, by guest frame.
  ///   - rest: what frames without an entry are.
  private static func parts(
    of frames: Range<UInt64>, _ entries: [(frames: Range<UInt64>, value: KernelXArray.Value)], without rest: Kind
  ) -> [Part] {
    var parts: [Part] = []
    var at = frames.lowerBound
    for entry in entries {
      let run = entry.frames.clamped(to: at..<frames.upperBound)
      guard !run.isEmpty else { continue }
      if run.lowerBound > at { add((at..<run.lowerBound, rest), to: &parts) }
      switch entry.value {
      case .value(let value) where value & ~knownBits == 0:
        add((run, value & privateBit != 0 ? .private : .shared), to: &parts)
      case .value, .pointer: add((run, .unknown), to: &parts)
      }
      at = run.upperBound
    }
    if at < frames.upperBound { add((at..<frames.upperBound, rest), to: &parts) }
    return parts
  }

  /// What both say; unknown where they differ. Both are of the same frames, without gaps.
  private static func agreeing(_ one: [Part], _ other: [Part]) -> [Part] {
    var parts: [Part] = []
    var rest = other[...]
    for mine in one {
      while let their = rest.first, their.frames.lowerBound < mine.frames.upperBound {
        let kind = mine.kind == their.kind ? mine.kind : .unknown
        add((mine.frames.clamped(to: their.frames), kind), to: &parts)
        guard their.frames.upperBound <= mine.frames.upperBound else { break }
        rest.removeFirst()
      }
    }
    return parts
  }

  private static func add(_ part: Part, to parts: inout [Part]) {
    if let last = parts.last, last.kind == part.kind {
      parts[parts.count - 1].frames = last.frames.lowerBound..<part.frames.upperBound
    } else {
      parts.append(part)
    }
  }
}
