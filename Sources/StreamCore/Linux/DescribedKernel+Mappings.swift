extension DescribedKernel {
  /// The mappings of the process whose `mm_struct` stands there, and the page cache behind them.
  func mappings(of mm: VirtualAddress, _ cache: Once<FilePages?>) -> FileMappings {
    FileMappings {
      guard let types = try? MappingTypes(self.types) else { return .init(isWhole: false) }
      let places: [VirtualAddress]
      var isWhole: Bool
      switch types.tree {
      case .maple(let root):
        guard let root = kernel.u64((mm &+ root).rawValue) else { return .init(isWhole: false) }
        let tree = KernelMapleTree(root: root, kernel: kernel)
        places = tree.entries.compactMap(\.pointer)
        isWhole = tree.gaps.isEmpty
      case .redBlack(let root, let node):
        guard let root = kernel.u64((mm &+ root).rawValue) else { return .init(isWhole: false) }
        let tree = KernelRBTree(root: root, kernel: kernel)
        places = tree.nodes.map { $0 &- node }
        isWhole = tree.gaps.isEmpty
      }
      let mappings = places.compactMap { types.mapping(at: $0, kernel) }
        .sorted { $0.pages.lowerBound < $1.pages.lowerBound }
      isWhole = isWhole && mappings.count == places.count
      // Disjoint, or something is damaged: then the first of two counts.
      var whole: [FileMappings.Mapping] = []
      for mapping in mappings where whole.last.map({ $0.pages.upperBound <= mapping.pages.lowerBound }) ?? true {
        whole.append(mapping)
      }
      return .init(mappings: whole, cache: cache.value, isWhole: isWhole)
    }
  }
}

/// Where a process' mappings stand.
private struct MappingTypes {
  enum Tree {
    /// `mm_mt.ma_root`, since 6.1.
    case maple(UInt64)
    /// `mm_rb.rb_node`, and `vm_rb` in a `vm_area_struct`.
    case redBlack(UInt64, UInt64)
  }
  let tree: Tree
  let start: UInt64
  let end: UInt64
  let offset: UInt64
  let file: UInt64
  let flags: UInt64

  /// Bytes of a structure at most.
  private static let reach: UInt64 = 1 << 16

  init(_ types: KernelTypes) throws(TypeFault) {
    let place = { (path: String) throws(TypeFault) -> UInt64 in
      try types.offset(path, below: Self.reach)
    }
    if let root = try? place("mm_struct.mm_mt.ma_root") {
      tree = .maple(root)
    } else {
      tree = .redBlack(try place("mm_struct.mm_rb.rb_node"), try place("vm_area_struct.vm_rb"))
    }
    start = try place("vm_area_struct.vm_start")
    end = try place("vm_area_struct.vm_end")
    offset = try place("vm_area_struct.vm_pgoff")
    file = try place("vm_area_struct.vm_file")
    flags = try place("vm_area_struct.vm_flags")
  }

  func mapping(at place: VirtualAddress, _ kernel: LinuxKernel) -> FileMappings.Mapping? {
    let word = { (offset: UInt64) -> UInt64? in kernel.u64((place &+ offset).rawValue) }
    guard let start = word(start), let end = word(end), start < end, (start | end) & 0xfff == 0, end <= 1 << 56,
      let offset = word(offset), let file = word(file), let flags = word(flags), offset < 1 << 52
    else { return nil }
    return FileMappings.Mapping(
      pages: start >> 12..<end >> 12,
      file: kernel.isPointer(file) ? VirtualAddress(rawValue: file) : nil, fileOffset: offset, flags: flags)
  }
}
