/// Signs of virtualisation on a host where no layout led to a guest, so that such a dump is never said to hold none.
/// Looks at every stored page whole, so it runs only then.
struct VMXSigns: Sendable {
  /// Revision ids, most frequent first, of pages that are regions of some layout by what no layout is needed to see.
  var revisionIDs: [UInt32] = []
  /// By revision id, the first of these pages that lead to a `loaded_vmcs` which names them.
  private(set) var frames: [UInt32: [UInt64]] = [:]
  var detail = ""
  /// Pages that pass as VMCBs of SVM guests.
  var vmcbs: UInt64 = 0
  /// Pages that hold the header of a VMCS and nothing else, by revision id: VMXON regions, VMCSs that were never
  /// loaded, and those of a guest hypervisor, whose content its own host keeps.
  var headers: [UInt32: UInt64] = [:]
  /// Pages that could not be looked at.
  var unread: UInt64 = 0

  /// A region has one EPT pointer and one HOST_CR3, and chance look-alikes; a page full of them is not looked through.
  private static let pointerLimit = 16
  private static let rootLimit = 128
  /// Revision ids that are told apart: guests can write any number.
  private static let revisionLimit = 256
  /// Pages that are kept of each; a host has no more vCPUs, and guests can write any number.
  private static let frameLimit = 1 << 13

  private struct Part: Sendable {
    var regions: [UInt32: UInt64] = [:]
    var frames: [UInt32: [UInt64]] = [:]
    var vmcbs: UInt64 = 0
    var headers: [UInt32: UInt64] = [:]
    var unread: UInt64 = 0
  }

  /// - Parameters:
  ///   - ids: revision ids that are known.
  ///   - head: `vm_list`, where its symbol is known.
  static func find(
    _ dump: any HostDump, memory: HostMemory, ids: Set<UInt32>, kernel: LinuxKernel?, head: VirtualAddress?,
    decoders: DecoderPool, workers: Workers
  ) throws -> VMXSigns {
    let lead = kernel.map { RegionLead($0, head: head) }
    let parts = try workers.map(dump.stretches) { frames in
      var part = Part()
      try decoders.borrow { decoder in
        try dump.forEachPage(in: frames, decoder, for: .structures, fault: { part.unread += 1 }) { frame, bytes in
          guard let page = Page(bytes) else { return }
          let revision = page.u32(0)
          if ids.contains(page.revisionID), RegionJudge.isHeaderOnly(page) {
            part.headers[page.revisionID, default: 0] += 1
          }
          if part.regions[revision] != nil || part.regions.count < revisionLimit, isRegion(page, memory, kernel) {
            part.regions[revision, default: 0] += 1
            if part.frames[revision, default: []].count < frameLimit, let lead,
              !lead.places(in: page, at: HPA(frame: frame)).isEmpty
            {
              part.frames[revision, default: []].append(frame)
            }
          }
          if isVMCB(page) { part.vmcbs += 1 }
        }
      }
      return part
    }
    var regions: [UInt32: UInt64] = [:]
    var signs = VMXSigns()
    for part in parts {
      for (revision, count) in part.regions where regions[revision] != nil || regions.count < revisionLimit {
        regions[revision, default: 0] += count
      }
      signs.frames.merge(part.frames, uniquingKeysWith: +)
      signs.vmcbs += part.vmcbs
      signs.headers.merge(part.headers, uniquingKeysWith: +)
      signs.unread += part.unread
    }
    let ordered = regions.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    signs.frames = signs.frames.mapValues { Array($0.sorted().prefix(frameLimit)) }
    signs.revisionIDs = ordered.prefix(8).map(\.key)
    signs.detail = ordered.prefix(8).map { "\($0.value) pages with revision \(hex($0.key))" }.joined(separator: ", ")
    return signs
  }

  /// What the headers tell, in few words.
  var trace: String? {
    guard !headers.isEmpty else { return nil }
    let list = headers.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(8).map { revision, count in
      "\(count) with revision \(hex(revision))"
        + (LayoutCatalogue.isNested(revision) ? " (nested virtualisation's)" : "")
    }
    return "pages that hold a VMCS header alone, as VMXON regions and VMCSs that nothing was written to: "
      + list.joined(separator: ", ")
  }

  /// The host was a guest itself, and a hypervisor: what its own guests did is in the memory of its host.
  var isNested: Bool { headers.keys.contains(where: LayoutCatalogue.isNested) }

  /// A region by what holds in every layout: revision id with abort 0, a link pointer of all ones, an EPT pointer whose
  /// root is a table, and a HOST_CR3 with the kernel's half. Source: Documentation/vmcs.md §11.
  private static func isRegion(_ page: Page, _ memory: HostMemory, _ kernel: LinuxKernel?) -> Bool {
    guard let roots = hostRoots(ofRegion: page, memory) else { return false }
    guard let kernel else { return true }
    return roots.contains { kernel.kernelHalf(ofCR3: $0) == .same }
  }

  /// The values of a page that can be its HOST_CR3, where it is a region by what else holds in every layout; `nil`: it is
  /// none.
  static func hostRoots(ofRegion page: Page, _ memory: any PhysicalMemory) -> [UInt64]? {
    guard page.u32(0) != 0, page.u32(0) >> 31 == 0, page.u32(4) == 0 else { return nil }
    var hasLink = false
    var pointers: [UInt64] = []
    var roots: [UInt64] = []
    for offset in stride(from: 8, through: pageSize - 8, by: 4) {
      let value = page.u64(offset)
      if value == .max { hasLink = true }
      switch value & 0xfff {
      case 0x1e, 0x5e, 0x26, 0x66:
        if value >> 12 != 0, value >> 52 == 0, pointers.count < pointerLimit { pointers.append(value) }
      // CR3 with a PCID of KVM's hosts: 0, or one of a few.
      case 0...7:
        if value >> 12 != 0, value >> 52 == 0, value >> 12 < 1 << 36, roots.count < rootLimit { roots.append(value) }
      default: break
      }
    }
    guard hasLink, !pointers.isEmpty, pointers.contains(where: { isRoot($0, memory) }) else { return nil }
    return roots
  }

  private static func isRoot(_ value: UInt64, _ memory: any PhysicalMemory) -> Bool {
    guard let pointer = try? EPTPointer(value), let page = memory.page(pointer.rootFrame).page else { return false }
    return pointer.tables(inRoot: page).map { $0 > 0 } ?? false
  }

  /// The VMCB of an SVM guest with nested paging; where it lies says nothing.
  private static func isVMCB(_ page: Page) -> Bool {
    let vmcb = VMCB(address: HPA(rawValue: 0), page: page)
    do throws(VMCBFault) { try vmcb.check() } catch { return false }
    return !vmcb.hasNeverRun
  }
}
