/// What a guest's Linux kernel says of itself, found in the guest's memory and held against its vCPUs' page tables.
struct GuestIdentity: Sendable, Equatable {
  var vmcoreinfo: VMCoreInfo
  /// Where the note or its text begins.
  var place: GPA
  var utsname: UTSName
  var physBase: Int64
  /// The guest kernel's direct map of its physical memory, where its page tables show one.
  var directMap: VirtualAddress?
  /// The parts of the kernel image that the page tables map where VMCOREINFO says.
  var image: [ImagePart]
  /// vCPUs whose CR3 agrees, of all that have one.
  var agreeing: Int
  var asked: Int
  /// vCPU 0's CR3 itself leads to the kernel. It does not while the vCPU runs in user mode behind page-table isolation.
  var isKernelInFirstCR3: Bool

  struct ImagePart: Sendable, Equatable {
    var virtual: VirtualAddress
    var physical: GPA
    /// Bytes, a multiple of 2 MiB.
    var count: UInt64
  }
}

/// Finds the running kernel's VMCOREINFO among all that look like one: notes of earlier kernels, of a crash kernel, of
/// nested guests and of dump files in the page cache look the same. Source: Documentation/elf.md §4.3.
struct IdentitySearch {
  let memory: GuestMemory
  let vcpus: [RegisterState]
  /// How many look-alikes are tried: a guest can fill its memory with them.
  static let maximumTries = 4096
  /// Look-alikes that are kept of a map.
  static let keptPlaces = 4 * maximumTries
  /// Page tables that may map a kernel's image: one for each 2 MiB of it, and those above.
  private static let imageTables = 1024

  /// - Parameter places: guest frames that begin as a note or its text does, ascending.
  /// - Returns: what most vCPUs agree with, and how many others would have passed with fewer.
  func run(_ places: [UInt64]) -> (identity: GuestIdentity?, others: Int) {
    var best: GuestIdentity?
    var passed = 0
    for frame in places.prefix(Self.maximumTries) {
      guard let candidate = identity(at: GPA(frame: frame)) else { continue }
      if best.map({ $0.vmcoreinfo != candidate.vmcoreinfo }) ?? true { passed += 1 }
      if best.map({ candidate.agreeing > $0.agreeing }) ?? true { best = candidate }
    }
    return (best, max(0, passed - 1))
  }

  private func identity(at place: GPA) -> GuestIdentity? {
    guard let info = text(at: place), info["PAGESIZE"] == "\(pageSize)",
      let stext = info.symbol("_stext"), stext.rawValue >= VirtualAddress.kernelTextBase,
      stext.rawValue < VirtualAddress.kernelTextBase + 0x4000_0000,
      let physBase = info.number("phys_base"), physBase & 0xfff == 0,
      let uts = info.symbol("init_uts_ns"), let utsPhysical = info.imagePhysical(uts),
      let name = info.offset("uts_namespace.name"), (0...4096).contains(name),
      let utsname = utsname(at: utsPhysical &+ UInt64(name)), utsname.release == info.osrelease
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
      image: image(info, stext, tables), agreeing: agreeing.count, asked: asked,
      isKernelInFirstCR3: first?.translate(uts) == utsPhysical)
  }

  /// The note at a page's start, or the bare text.
  private func text(at place: GPA) -> VMCoreInfo? {
    guard let first = memory.page(place.frame).page else { return nil }
    if first.u32(0) != 11 { return VMCoreInfo(first.bytes) }
    let length = Int(first.u32(4))
    let header = 24
    guard (1...pageSize).contains(length), first.u32(8) == 0,
      first.bytes[12..<24].elementsEqual(Array("VMCOREINFO".utf8) + [0, 0]),
      let bytes = memory.read(place.rawValue, count: header + length)
    else { return nil }
    return VMCoreInfo(bytes[header...])
  }

  /// Source: include/uapi/linux/utsname.h, struct new_utsname.
  private func utsname(at address: UInt64) -> UTSName? {
    guard let bytes = memory.read(address, count: 6 * UTSName.fieldSize) else { return nil }
    let fields = (0..<6).compactMap { field -> String? in
      let raw = bytes[field * UTSName.fieldSize..<(field + 1) * UTSName.fieldSize]
      guard let end = raw.firstIndex(of: 0) else { return nil }
      return String(decoding: raw[..<end], as: UTF8.self)
    }
    guard fields.count == 6, fields[0] == "Linux" else { return nil }
    return UTSName(
      sysname: fields[0], nodename: fields[1], release: fields[2], version: fields[3], machine: fields[4],
      domainname: fields[5])
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

  /// The 2 MiB pieces from `_stext` on whose first and last page the page tables map where VMCOREINFO says, joined.
  private func image(
    _ info: VMCoreInfo, _ stext: VirtualAddress, _ tables: X86PageTables
  ) -> [GuestIdentity.ImagePart] {
    let piece: UInt64 = 2 << 20
    let size = UInt64(clamping: info.number("KERNEL_IMAGE_SIZE") ?? 512 << 20)
    let start = stext.rawValue & ~(piece - 1)
    let end = min(VirtualAddress.kernelTextBase &+ size, VirtualAddress.kernelTextBase + (1 << 30)) & ~(piece - 1)
    guard start < end, let base = info.imagePhysical(VirtualAddress(rawValue: start)) else { return [] }
    var firsts: Set<UInt64> = []
    var lasts: Set<UInt64> = []
    _ = tables.forEachMapping(in: start...end - 1, tableLimit: Self.imageTables) { mapping in
      guard case .run(let virtual, let physical, let count) = mapping,
        physical == base &+ (virtual.rawValue - start)
      else { return }
      let offset = virtual.rawValue - start
      for index in offset / piece...(offset + count - 1) / piece {
        let last = (index + 1) * piece - UInt64(pageSize)
        if index * piece >= offset { firsts.insert(index) }
        if last >= offset && last < offset + count { lasts.insert(index) }
      }
    }
    var parts: [GuestIdentity.ImagePart] = []
    for index in firsts.intersection(lasts).sorted() {
      let virtual = VirtualAddress(rawValue: start + index * piece)
      let physical = GPA(rawValue: base &+ index * piece)
      if let last = parts.last, last.virtual &+ last.count == virtual, last.physical &+ last.count == physical {
        parts[parts.count - 1].count += piece
      } else {
        parts.append(.init(virtual: virtual, physical: physical, count: piece))
      }
    }
    return parts
  }
}
