/// Finds the running kernel's VMCOREINFO among all that look like one: notes of earlier kernels, of a crash kernel, of
/// nested guests and of dump files in the page cache look the same. Source: Documentation/elf.md §4.3.
struct VMCoreInfoSearch {
  let memory: GuestMemory
  let vcpus: [RegisterState]
  /// How many look-alikes are tried: a guest can fill its memory with them.
  static let maximumTries = 4096
  /// Look-alikes that are kept of a map.
  static let keptPlaces = 4 * maximumTries

  /// Those of the look-alikes of a map that are kept: the first, ascending, whatever the order they come in.
  static func kept(_ places: [UInt64]) -> [UInt64] { Array(places.sorted().prefix(keptPlaces)) }

  /// - Parameter places: guest frames that begin as a note or its text does, ascending.
  /// - Returns: what most vCPUs agree with, and how many others would have passed with fewer.
  func run(_ places: [UInt64]) -> (identity: GuestIdentity?, others: Int) {
    var best: GuestIdentity?
    var passed = 0
    for frame in places.prefix(Self.maximumTries) {
      // The kernel has its text twice: the same says nothing new.
      guard let info = memory.vmcoreinfo(inFrame: frame), info != best?.vmcoreinfo,
        let candidate = identity(info, at: GPA(frame: frame))
      else { continue }
      passed += 1
      if best.map({ candidate.agreeing > $0.agreeing }) ?? true { best = candidate }
    }
    return (best, max(0, passed - 1))
  }

  /// Guest frames that the guest kernel's own pointers lead to, for a guest of which no page was looked at before.
  func placesByPointers() -> [UInt64] {
    var places: Set<UInt64> = []
    for vcpu in vcpus where places.isEmpty {
      for tables in tables(of: vcpu) {
        guard let base = directMap(tables) else { continue }
        places.formUnion(VMCoreInfoPointers(memory: memory, tables: tables, directMap: base).frames())
      }
    }
    return places.sorted()
  }

  private func identity(_ info: VMCoreInfo, at place: GPA) -> GuestIdentity? {
    guard info["PAGESIZE"] == "\(pageSize)",
      let stext = info.symbol("_stext"), stext.rawValue >= VirtualAddress.kernelTextBase,
      stext.rawValue < VirtualAddress.kernelTextBase + 0x4000_0000,
      let physBase = info.number("phys_base"), physBase & 0xfff == 0,
      let uts = info.symbol("init_uts_ns"), let utsPhysical = info.imagePhysical(uts),
      let name = info.offset("uts_namespace.name"), (0...4096).contains(name),
      let utsname = memory.utsname(at: utsPhysical &+ UInt64(name)), utsname.release == info.osrelease
    else { return nil }
    var agreeing: [X86PageTables] = []
    var asked = 0
    let first = vcpus.first.flatMap { tables(of: $0).first }
    for vcpu in vcpus {
      let candidates = tables(of: vcpu)
      if candidates.isEmpty { continue }
      asked += 1
      if let tables = candidates.first(where: { $0.translate(uts) == utsPhysical }) { agreeing.append(tables) }
    }
    guard let tables = agreeing.first else { return nil }
    return GuestIdentity(
      vmcoreinfo: info, place: place, utsname: utsname, physBase: physBase, directMap: directMap(tables),
      image: KernelImagePart.parts(info, stext, tables), agreeing: agreeing.count, asked: asked,
      isKernelInFirstCR3: first?.translate(uts) == utsPhysical)
  }

  /// The page tables of a vCPU with paging on. With page-table isolation, bit 12 of CR3 chooses the user's copy, which
  /// lacks the kernel; cleared, it names the kernel's.
  private func tables(of vcpu: RegisterState) -> [X86PageTables] {
    guard let cr0 = vcpu[.cr0], cr0 >> 31 & 1 == 1, let cr3 = vcpu[.cr3], let cr4 = vcpu[.cr4] else { return [] }
    let roots = cr3 >> 12 & 1 == 1 ? [cr3, cr3 & ~0x1000] : [cr3]
    return roots.map { X86PageTables(memory: memory, root: $0, levels: cr4 >> 12 & 1 == 1 ? 5 : 4) }
  }

  private func directMap(_ tables: X86PageTables) -> VirtualAddress? {
    let root = tables.root & X86PageTables.addressMask
    guard let page = memory.page(root >> 12).page else { return nil }
    return DirectMap.base(mapping: root, tables: tables, root: page, levels: tables.levels)
      .map(VirtualAddress.init(rawValue:))
  }
}
