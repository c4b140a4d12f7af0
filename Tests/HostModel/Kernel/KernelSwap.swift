/// What a kernel has swapped out and keeps in memory: the swap cache, and zswap with its allocator. Its areas are built
/// page by page, the trees at the end.
public struct KernelSwap: Sendable {
  /// What zswap packs objects with.
  public enum Allocator: String, Sendable, CaseIterable { case zsmalloc, zbud }

  /// What zswap keeps of a page.
  public enum Kept: Sendable {
    /// So compressed.
    case bytes([UInt8])
    /// One word over and over.
    case word(UInt64)
  }

  /// A page that is swapped out.
  public enum Page: Sendable {
    case cached(frame: UInt64, order: UInt64 = 0, isUpToDate: Bool = true)
    case kept(Kept)
    /// All zeros: a bit is all that is kept.
    case zero
  }

  let shape: KernelShape
  let codec: String
  let allocator: Allocator
  private var slots: [UInt64: [UInt64: UInt64]] = [:]
  private var zeros: [UInt64: Set<UInt64>] = [:]
  private var cached: [UInt64: [UInt64: (frame: UInt64, index: UInt64)]] = [:]
  private var entries = KernelSlab(objectSize: KernelShape.entrySize, slabFrames: 2)
  private var handles = KernelSlab(objectSize: 8, slabFrames: 1)
  private var nodes = KernelSlab(objectSize: 576, slabFrames: 4)
  private var zspages = KernelSlab(objectSize: 64, slabFrames: 1)
  /// Of a zpool or its driver, a class, a table.
  private var objects = KernelSlab(objectSize: 512, slabFrames: 2)
  private var pool: UInt64 = 0
  private var place: UInt64 = 0
  /// Virtual.
  private var zpool: UInt64 = 0
  private var classes: [ZsmallocClass] = []
  /// Zspages with room, by class.
  private var open: [UInt64: OpenZspage] = [:]
  /// A frame of zbud with room at its end, and how much of it is taken.
  private var half: (page: UInt64, used: UInt64)?
  /// What was built, by the structures' names.
  public private(set) var structures: [BuiltStructure] = []

  private struct OpenZspage {
    var zspage: UInt64
    var frames: [UInt64]
    var used: UInt64
  }

  struct ZsmallocClass: Sendable {
    var index: UInt64
    var size: UInt64
    var pages: UInt64
    var objects: UInt64 { pages * 4096 / size }
    var place: UInt64 = 0
  }

  public init(_ shape: KernelShape, codec: String, allocator: Allocator) {
    self.shape = shape
    self.codec = codec
    self.allocator = shape.swapForm == .clusters ? .zsmalloc : allocator
  }

  /// Puts a page into the swap cache.
  /// - Parameter order: of the large page that it is of, whose frames follow those of the entries.
  public mutating func cache<Space: FrameSpace>(
    _ frame: UInt64, order: UInt64 = 0, type: UInt64, offset: UInt64, isUpToDate: Bool = true, _ map: inout MemoryMap,
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    try map.markUpToDate(
      frame, order: order, marks: 1 << shape.swapCacheBit, hasTails: true, shape, kernel: kernel, in: &space)
    for index in 0..<UInt64(1) << order {
      let place = try map.place(of: frame + index, kernel: kernel, in: &space)
      if index == 0 || shape.swapForm == .redBlack {
        space.memory.store(
          shape.swapEntry(type: type, offset: offset + index), at: place + KernelShape.pagePrivate)
      }
      if !isUpToDate { space.memory.store(1 << shape.swapCacheBit | 1, at: place) }
      cached[type, default: [:]][offset + index] = (frame, index)
    }
  }

  /// Puts a page into zswap.
  public mutating func store<Space: FrameSpace>(
    _ kept: Kept, type: UInt64, offset: UInt64, _ map: inout MemoryMap, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    if pool == 0 { try makePool(kernel: kernel, in: &space) }
    let entry = try entries.allocate(in: &space)
    let number = shape.swapForm == .redBlack ? offset : shape.swapEntry(type: type, offset: offset)
    space.memory.store(number, at: entry + shape.entryNumber)
    slots[type, default: [:]][offset] = entry
    structures.append(BuiltStructure("zswap_entry", at: entry, size: KernelShape.entrySize))
    guard case .bytes(let bytes) = kept else {
      if case .word(let word) = kept { space.memory.store(word, at: entry + shape.entryHandle) }
      return
    }
    var object = bytes
    if shape.swapForm == .redBlack, allocator == .zbud {
      object = LittleEndian.bytes(shape.swapEntry(type: type, offset: offset)) + bytes
    }
    if shape.swapForm == .xarray {
      // One of 32. Source: include/linux/hash.h, hash_64.
      let slot = (kernel.virtual(entry) &* 0x61c8_8646_80b5_83eb) >> 59
      space.memory.store(zpool, at: pool + slot * 8)
    }
    let handle: UInt64
    switch allocator {
    case .zsmalloc: handle = try pack(object, &map, kernel: kernel, in: &space)
    case .zbud: handle = try pair(object, kernel: kernel, in: &space)
    }
    space.memory.store(UInt64(bytes.count), at: entry + shape.entryLength, width: 4)
    space.memory.store(kernel.virtual(pool), at: entry + shape.entryPool)
    space.memory.store(handle, at: entry + shape.entryHandle)
  }

  mutating func storeZero(type: UInt64, offset: UInt64) { zeros[type, default: []].insert(offset) }

  /// Bitmaps of the areas, where these have them.
  private mutating func writeZeros<Space: FrameSpace>(
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    for (type, own) in zeros.sorted(by: { $0.key < $1.key }) {
      let area = try space.allocatePage()
      let bits = try space.allocate(64) << 12
      space.memory.store(kernel.virtual(area), at: kernel.image + BuiltKernel.DataPlace.swapAreas + type * 8)
      space.memory.store(1 << 21, at: area + 76, width: 4)
      space.memory.store(kernel.virtual(bits), at: area + KernelShape.areaZeros)
      for offset in own {
        let place = bits + offset / 64 * 8
        space.memory.store(space.memory.load(place) | 1 << (offset % 64), at: place)
      }
      structures.append(BuiltStructure("swap_info_struct", at: area, size: 96))
    }
  }

  private mutating func makePool<Space: FrameSpace>(
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    pool = try objects.allocate(in: &space)
    space.memory.write(codec.utf8, at: pool + shape.poolName)
    place = try space.allocatePage()
    structures.append(BuiltStructure("zswap_pool", at: pool, size: 408))
    if allocator == .zsmalloc { try makeClasses(kernel: kernel, in: &space) }
    if shape.swapForm == .clusters {
      space.memory.store(kernel.virtual(place), at: pool)
      return
    }
    let zpool = try objects.allocate(in: &space)
    let driver = try objects.allocate(in: &space)
    space.memory.write(allocator.rawValue.utf8, at: driver + 256)
    space.memory.store(kernel.virtual(driver + 256), at: driver)
    if allocator == .zbud {
      space.memory.store(kernel.stext + 0x1000, at: driver + KernelShape.driverShrink)
      space.memory.store(1, at: zpool + KernelShape.zpoolEvictable, width: 1)
    }
    space.memory.store(kernel.virtual(driver), at: zpool)
    space.memory.store(kernel.virtual(place), at: zpool + KernelShape.zpoolPool)
    self.zpool = kernel.virtual(zpool)
    if shape.swapForm == .redBlack { space.memory.store(self.zpool, at: pool) }
    structures.append(BuiltStructure("zpool", at: zpool, size: 48))
  }

  /// Sizes 16 apart; those that make the same of a zspage are one class, the largest.
  private mutating func makeClasses<Space: FrameSpace>(
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    var last: ZsmallocClass?
    for index in (0..<KernelShape.classCount).reversed() {
      let size = min(32 + index * 16, 4096)
      var made = ZsmallocClass(index: index, size: size, pages: Self.pages(of: size))
      if let last, last.pages == made.pages, last.objects == made.objects {
        made = last
      } else {
        made.place = try objects.allocate(in: &space)
        let words = [made.size, made.objects, made.pages, made.index]
        for (number, word) in words.enumerated() {
          space.memory.store(word, at: made.place + KernelShape.classSize + UInt64(number) * 4, width: 4)
        }
      }
      last = made
      classes.insert(made, at: 0)
      space.memory.store(kernel.virtual(made.place), at: place + KernelShape.classPlace + index * 8)
    }
    structures.append(BuiltStructure("zs_pool", at: place, size: 2120))
  }

  /// The number of frames, up to 8, of which the least is wasted.
  private static func pages(of size: UInt64) -> UInt64 {
    (1...8 as ClosedRange<UInt64>).min { one, other in
      (one * 4096 % size) * other < (other * 4096 % size) * one
    } ?? 1
  }

  /// - Returns: the handle.
  private mutating func pack<Space: FrameSpace>(
    _ object: [UInt8], _ map: inout MemoryMap, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let wanted = UInt64(object.count) + 8
    guard let own = classes.first(where: { $0.size >= min(wanted, 4096) }) else { return 0 }
    let fills = own.pages == 1 && own.objects == 1
    var zspage: OpenZspage
    if let known = open[own.index] {
      zspage = known
    } else {
      zspage = try newZspage(own, &map, kernel: kernel, in: &space)
    }
    let handle = try handles.allocate(in: &space)
    let number = zspage.used
    let start = number * own.size
    let frame = zspage.frames[Int(start >> 12)]
    space.memory.store(
      frame << 24 | number << (shape.placeHasTag ? 1 : 0), at: handle)
    let bytes = fills ? object : LittleEndian.bytes(kernel.virtual(handle) | 1) + object
    for (index, byte) in bytes.enumerated() {
      let at = start + UInt64(index)
      space.memory.store(UInt64(byte), at: zspage.frames[Int(at >> 12)] << 12 + at & 0xfff, width: 1)
    }
    if fills {
      let first = try map.place(of: frame, kernel: kernel, in: &space)
      space.memory.store(
        kernel.virtual(handle) | (shape.placeHasTag ? 1 : 0), at: first + KernelShape.pageIndex)
    }
    structures.append(BuiltStructure("handle", at: handle, size: 8))
    structures.append(BuiltStructure("object", at: frame << 12 + start & 0xfff, size: 8))
    zspage.used += 1
    open[own.index] = zspage.used < own.objects ? zspage : nil
    return kernel.virtual(handle)
  }

  private mutating func newZspage<Space: FrameSpace>(
    _ own: ZsmallocClass, _ map: inout MemoryMap, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> OpenZspage {
    let zspage = try zspages.allocate(in: &space)
    var frames: [UInt64] = []
    for _ in 0..<own.pages { frames.append(try space.allocate()) }
    let bits = shape.zspageBits
    space.memory.store(own.index << UInt64(bits.classes) | 0x58 << UInt64(bits.magic), at: zspage, width: 4)
    space.memory.store(kernel.vmemmap + frames[0] * KernelShape.pageSize, at: zspage + KernelShape.zspageFirst)
    if shape.zspageHasPool { space.memory.store(kernel.virtual(place), at: zspage + KernelShape.zspagePool) }
    for (number, frame) in frames.enumerated() {
      let page = try map.place(of: frame, kernel: kernel, in: &space)
      space.memory.store(kernel.virtual(zspage), at: page + KernelShape.pagePrivate)
      if number + 1 < frames.count {
        space.memory.store(
          kernel.vmemmap + frames[number + 1] * KernelShape.pageSize, at: page + KernelShape.pageIndex)
      }
      structures.append(BuiltStructure("zpdesc", at: page, size: 56))
    }
    structures.append(BuiltStructure("zspage", at: zspage, size: 56))
    return OpenZspage(zspage: zspage, frames: frames, used: 0)
  }

  /// Of two objects of a frame one stands behind the header, the other at the end.
  private mutating func pair<Space: FrameSpace>(
    _ object: [UInt8], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let chunks = (UInt64(object.count) + 63) / 64
    if let (page, used) = half, used + chunks <= 63 {
      half = nil
      let at = page + 4096 - chunks * 64
      space.memory.store(chunks, at: page + 36, width: 4)
      space.memory.write(object, at: at)
      return kernel.virtual(at)
    }
    let page = try space.allocatePage()
    half = (page, chunks)
    space.memory.store(chunks, at: page + 32, width: 4)
    space.memory.write(object, at: page + 64)
    structures.append(BuiltStructure("zbud_header", at: page, size: 48))
    return kernel.virtual(page + 64)
  }

  /// Builds the trees and tables of all areas.
  mutating func finish<Space: FrameSpace>(
    _ map: inout MemoryMap, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let data = kernel.image
    for (type, own) in slots.sorted(by: { $0.key < $1.key }) {
      let trees = try space.allocatePage()
      space.memory.store(kernel.virtual(trees), at: data + BuiltKernel.DataPlace.zswapTrees + type * 8)
      if shape.swapForm == .redBlack {
        let nodes = own.sorted { $0.key < $1.key }.map(\.value)
        space.memory.store(KernelRBTree.link(nodes[...], under: 0, kernel: kernel, in: &space.memory), at: trees)
        continue
      }
      space.memory.store(256, at: data + BuiltKernel.DataPlace.zswapTreeCounts + type * 4, width: 4)
      for (part, entries) in Dictionary(grouping: own, by: { $0.key >> 14 }).sorted(by: { $0.key < $1.key }) {
        let items = entries.sorted { $0.key < $1.key }
          .map { FileTree.Item(index: $0.key, order: 0, value: kernel.virtual($0.value)) }
        try tree(items, at: trees + part * 16, kernel: kernel, in: &space)
      }
    }
    if shape.swapForm == .xarray { try writeZeros(kernel: kernel, in: &space) }
    for type in Set(cached.keys).union(shape.swapForm == .clusters ? Array(zeros.keys) : []).sorted() {
      let own = cached[type] ?? [:]
      if shape.swapForm == .clusters {
        try writeClusters(own, type: type, kernel: kernel, in: &space)
      } else {
        try writeSpaces(own, type: type, kernel: kernel, in: &space)
      }
    }
  }

  private mutating func writeSpaces<Space: FrameSpace>(
    _ own: [UInt64: (frame: UInt64, index: UInt64)], type: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let spaces = try space.allocate(16) << 12
    space.memory.store(kernel.virtual(spaces), at: kernel.image + BuiltKernel.DataPlace.swapSpaces + type * 8)
    space.memory.store(256, at: kernel.image + BuiltKernel.DataPlace.swapSpaceCounts + type * 4, width: 4)
    for (part, pages) in Dictionary(grouping: own, by: { $0.key >> 14 }).sorted(by: { $0.key < $1.key }) {
      let items = pages.sorted { $0.key < $1.key }.map { offset, page in
        let frame = shape.pageCacheForm == .radixTree ? page.frame + page.index : page.frame
        return FileTree.Item(
          index: shape.swapCacheIndex(offset), order: 0, value: kernel.vmemmap + frame * KernelShape.pageSize)
      }
      try tree(items, at: spaces + part * 200 + KernelShape.spacePages, kernel: kernel, in: &space)
    }
  }

  private mutating func writeClusters<Space: FrameSpace>(
    _ own: [UInt64: (frame: UInt64, index: UInt64)], type: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let area = try space.allocatePage()
    let clusters = try space.allocate(64) << 12
    space.memory.store(kernel.virtual(area), at: kernel.image + BuiltKernel.DataPlace.swapSpaces + type * 8)
    space.memory.store(1 << 21, at: area + 76, width: 4)
    space.memory.store(kernel.virtual(clusters), at: area + 80)
    let zeros = Dictionary(grouping: zeros[type] ?? [], by: { $0 / 512 })
    let cached = Dictionary(grouping: own, by: { $0.key / 512 })
    for cluster in Set(cached.keys).union(zeros.keys).sorted() {
      let table = try space.allocatePage()
      space.memory.store(kernel.virtual(table), at: clusters + cluster * 48 + 8)
      structures.append(BuiltStructure("swap_table", at: table, size: 4096))
      // No shadow, the bit, and one use.
      for offset in zeros[cluster] ?? [] {
        space.memory.store(1 | 1 << 59 | 1 << 60, at: table + offset % 512 * 8)
      }
      for (offset, page) in cached[cluster] ?? [] {
        // The first frame's number, the mark 10, and one use.
        space.memory.store(page.frame << 2 | 2 | 1 << 60, at: table + offset % 512 * 8)
      }
    }
  }

  private mutating func tree<Space: FrameSpace>(
    _ items: [FileTree.Item], at array: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let tree = FileTree(form: shape.pageCacheForm, array: kernel.virtual(array), kernel: kernel)
    let built = try tree.build(items, slab: &nodes, in: &space)
    space.memory.store(built.head, at: array + 8)
    structures += built.nodes.map { BuiltStructure("xa_node", at: $0, size: 576) }
  }
}
