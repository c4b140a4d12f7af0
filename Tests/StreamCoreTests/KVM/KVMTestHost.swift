@testable import StreamCore

/// Physical memory for tests: what was written, and zeros in every frame that `stored` holds.
struct KVMTestMemory: PhysicalMemory {
  private(set) var frames: [UInt64: [UInt8]] = [:]

  func page(_ frame: UInt64) -> PageResult { frames[frame].flatMap { Page($0) }.map { .page($0) } ?? .absent }

  mutating func store(_ value: UInt64, at address: UInt64) {
    frames[address >> 12, default: Array(repeating: 0, count: 4096)].store(value, at: Int(address & 0xfff))
  }
  mutating func store32(_ value: UInt32, at address: UInt64) {
    frames[address >> 12, default: Array(repeating: 0, count: 4096)].store(value, at: Int(address & 0xfff))
  }
  mutating func clear(_ address: UInt64, count: UInt64) {
    for place in stride(from: address, to: address + count, by: 8) { store(0, at: place) }
  }
  mutating func remove(_ frame: UInt64) { frames[frame] = nil }
}

/// A small host: page tables, a list of VMs, VMs with their tables of vCPUs, vCPUs with their `loaded_vmcs`. Distances
/// are 6.1's where nothing else is said.
struct KVMTestHost {
  static let root: UInt64 = 0x10_0000
  static let process: UInt64 = 0x10_1000
  static let image: UInt64 = 0x200_0000
  /// `vm_list` of kvm, in the kernel image.
  static let listHead: UInt64 = 0xffff_ffff_8001_0a60
  static let kvmSize: UInt64 = 0x3000
  static let tableOffset: UInt64 = 4392
  static let listOffset: UInt64 = 4472
  static let startToPointer: UInt64 = 6792
  static let tables: UInt64 = 0x20_0000

  let levels: Int
  let directMap: UInt64
  let vmalloc: UInt64
  var memory = KVMTestMemory()
  private var nextTable = Self.tables
  private(set) var list: [UInt64] = [Self.listHead]

  init(levels: Int = 4, directMap: UInt64 = 0xffff_8880_0000_0000, vmalloc: UInt64 = 0xffff_c900_0010_0000) {
    self.levels = levels
    self.directMap = directMap
    self.vmalloc = vmalloc
    map(directMap, to: 0, level: 3)
    map(0xffff_ffff_8000_0000, to: Self.image, level: 2)
    memory.store(0, at: Self.image)
    link()
  }

  /// Maps one leaf: level 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB.
  mutating func map(_ virtual: UInt64, to physical: UInt64, level leaf: Int = 1, root: UInt64 = Self.root) {
    var table = root
    for level in stride(from: levels, to: leaf, by: -1) {
      let place = table + (virtual >> UInt64(12 + 9 * (level - 1)) & 0x1ff) * 8
      if memory.u64(place) ?? 0 == 0 {
        memory.store(nextTable | 0x63, at: place)
        memory.store(0, at: nextTable)
        nextTable += 4096
      }
      table = (memory.u64(place) ?? 0) & 0x000f_ffff_ffff_f000
    }
    let place = table + (virtual >> UInt64(12 + 9 * (leaf - 1)) & 0x1ff) * 8
    memory.store(physical | (leaf == 1 ? 0x63 : 0xe3), at: place)
  }

  /// The process's table: the kernel's half as it is now, with accessed bits that differ, and a user entry.
  mutating func finishProcess() {
    for entry in UInt64(256)..<512 {
      let value = memory.u64(Self.root + entry * 8) ?? 0
      memory.store(value == 0 ? 0 : value ^ 0x20, at: Self.process + entry * 8)
    }
    memory.store(0x77_7067, at: Self.process)
  }

  /// Writes a quadword at a kernel virtual address of the vmalloc space, the direct map or the image.
  mutating func poke(_ value: UInt64, at virtual: UInt64) {
    if virtual >= 0xffff_ffff_8000_0000 {
      memory.store(value, at: Self.image + (virtual - 0xffff_ffff_8000_0000))
    } else if virtual >= directMap, virtual - directMap < 1 << 30 {
      memory.store(value, at: virtual - directMap)
    } else {
      let tables = X86PageTables(memory: memory, root: Self.root, levels: levels)
      if let physical = tables.translate(VirtualAddress(rawValue: virtual)) { memory.store(value, at: physical) }
    }
  }

  /// A `struct kvm`, number `index`, in vmalloc space, in the list of VMs unless `listed` is false.
  mutating func addVM(_ index: UInt64, listed: Bool = true) -> UInt64 {
    let kvm = vmalloc + index << 20
    for page in stride(from: UInt64(0), to: Self.kvmSize, by: 4096) {
      let physical = 0x300_0000 + index << 16 + page
      map(kvm + page, to: physical)
      memory.store(0, at: physical)
    }
    if listed { enlist(kvm + Self.listOffset) }
    return kvm
  }

  /// A `struct kvm` in the direct map, as kernels before 4.16 have it.
  mutating func addOldVM(at physical: UInt64) -> UInt64 {
    memory.clear(physical, count: Self.kvmSize)
    enlist(directMap + physical + Self.listOffset)
    return directMap + physical
  }

  mutating func enlist(_ node: UInt64) {
    list.append(node)
    link()
  }

  private mutating func link() {
    for (place, node) in list.enumerated() {
      poke(list[(place + 1) % list.count], at: node)
      poke(list[(place + list.count - 1) % list.count], at: node + 8)
    }
  }

  /// One node of an xarray at `node` (physical), for the array at `array`. Slots are by number.
  mutating func node(_ node: UInt64, array: UInt64, shift: UInt64 = 0, parent: UInt64 = 0, slots: [UInt64: UInt64]) {
    memory.store(shift | UInt64(slots.count) << 16, at: node)
    memory.store(parent, at: node + 8)
    memory.store(array, at: node + 16)
    for (slot, value) in slots { memory.store(value, at: node + 40 + slot * 8) }
  }

  /// Gives a VM its table of vCPUs: one node, in the direct map at `physical`.
  mutating func setTable(of kvm: UInt64, node physical: UInt64, vcpus: [UInt64]) {
    node(
      physical, array: kvm + Self.tableOffset,
      slots: Dictionary(uniqueKeysWithValues: vcpus.enumerated().map { (UInt64($0), directMap + $1) }))
    poke(directMap + physical | 2, at: kvm + Self.tableOffset + 8)
  }
}
