import HostModel

extension HostBuilder {
  /// What a guest's VMM maps for it: an area a slot, and the file that its RAM is in.
  mutating func addMappings(of guest: BuiltGuest, _ slots: [KVMMemslots.Slot]) throws(RecipeMistake) {
    guard let memory = guest.vmm?.memory else { return }
    var mappings = ProcessMappings()
    let ram = Array(zip(guest.image.space.ram, slots))
    if let file = try file(of: guest) { mappings.files = [file] }
    for (number, (run, slot)) in ram.enumerated() {
      let isInFile = isInFile(run, of: guest)
      var flags = ProcessMappings.Flags.data
      if isInFile, guest.spec.file != .private { flags |= ProcessMappings.Flags.shared }
      if isInFile, guest.spec.file == .hugetlbfs { flags |= ProcessMappings.Flags.huge }
      // Userfaultfd has parts of it.
      for part in parts(run, of: guest) {
        let start = slot.hva + (part.gfn.lowerBound - run.lowerBound) << 12
        mappings.areas.append(
          .init(
            start..<start + UInt64(part.gfn.count) << 12,
            flags: part.isMissing ? flags | ProcessMappings.Flags.userfaultMissing : flags, file: isInFile ? 0 : nil,
            page: isInFile ? Self.filePage(part.gfn.lowerBound, range: number) : start >> 12))
      }
    }
    for slot in slots.dropFirst(ram.count) {
      mappings.areas.append(
        .init(
          slot.hva..<slot.hva + slot.pages << 12,
          flags: ProcessMappings.Flags.data | ProcessMappings.Flags.shared | ProcessMappings.Flags.device,
          file: mappings.files.count))
    }
    // A device's file has no pages.
    if slots.count > ram.count { mappings.files.append(.init(.ordinary)) }
    if let shared = self.mappings.firstIndex(where: { $0.memory == memory }) {
      self.mappings[shared].own.add(mappings)
    } else {
      self.mappings.append((memory, mappings))
    }
  }

  /// The page of the file behind a guest frame of the range with this number: aligned as the frame is, and never the same.
  private static func filePage(_ gfn: UInt64, range number: Int) -> UInt64 {
    UInt64(number + 1) << 18 + gfn % (1 << 18)
  }

  /// Hugetlbfs has whole pages only; what is no multiple of them is anonymous.
  private func isInFile(_ run: Range<UInt64>, of guest: BuiltGuest) -> Bool {
    guard let file = guest.spec.file else { return false }
    let unit = guest.spec.backingPage >> 12
    return file != .hugetlbfs || run.lowerBound % unit == 0 && run.upperBound % unit == 0
  }

  private func parts(_ run: Range<UInt64>, of guest: BuiltGuest) -> [(gfn: Range<UInt64>, isMissing: Bool)] {
    var parts: [(gfn: Range<UInt64>, isMissing: Bool)] = []
    for gfn in run {
      let isMissing = guest.image.has(gfn, .userfault)
      if let last = parts.last, last.isMissing == isMissing {
        parts[parts.count - 1].gfn = last.gfn.lowerBound..<gfn + 1
      } else {
        parts.append((gfn..<gfn + 1, isMissing))
      }
    }
    return parts
  }

  /// The file that a guest's RAM maps, with what of it is in memory.
  private mutating func file(of guest: BuiltGuest) throws(RecipeMistake) -> ProcessMappings.File? {
    guard let kind = guest.spec.file else { return nil }
    let unit = guest.spec.backingPage >> 12
    var file = ProcessMappings.File(.ordinary)
    if kind == .hugetlbfs { file.kind = .huge(order: UInt64(unit.trailingZeroBitCount)) }
    if kind == .dax { file.kind = .dax }
    file.isShared = kind == .memfd
    for (number, run) in guest.image.space.ram.enumerated() where isInFile(run, of: guest) {
      var gfn = run.lowerBound
      while gfn < run.upperBound {
        let folio = guest.spec.folios.first { $0.range.contains(gfn << 12) }?.frames
        let size = kind == .hugetlbfs ? unit : folio ?? (kind == .private ? 1 : min(unit, 512))
        let page = Self.filePage(gfn, range: number)
        if size > 1, let frame = guest.backing.block(gfn, count: size) {
          file.entries.append(.init(page: page, order: UInt64(size.trailingZeroBitCount), .frame(frame)))
          gfn += size
          continue
        }
        if guest.image.has(gfn, .cacheUnready) {
          file.entries.append(.init(page: page, order: 0, .frame(try oldPage()), isUpToDate: false))
        } else if guest.image.has(gfn, .cacheZswapped) {
          let index = guests.count
          file.entries.append(.init(page: page, order: 0, .swapped(type: Self.swapArea(of: index), offset: gfn)))
          try swapOut(gfn, of: index)
        } else if guest.image.has(gfn, .cacheSwapped) {
          file.entries.append(.init(page: page, order: 0, .swapped(type: 1, offset: gfn)))
        } else if let frame = guest.backing.frame(gfn), kind != .hugetlbfs {
          if kind != .private || guest.image.has(gfn, .cached) {
            file.entries.append(.init(page: page, order: 0, .frame(frame)))
          } else if gfn % 16 < 2 {
            file.entries.append(.init(page: page, order: 0, .frame(try oldPage())))
          }
        }
        gfn += 1
      }
    }
    return file
  }

  /// The guest_memfd of a guest with private pages, which all its slots share.
  mutating func addGuestFile(of guest: BuiltGuest, _ slots: inout [KVMMemslots.Slot]) throws(RecipeMistake) {
    let frames = guest.image.space.ram.joined().filter { guest.image.has($0, .private) }
    guard !frames.isEmpty, shape.kvm.hasGuestMemory else { return }
    var file = ProcessMappings.File(.ordinary)
    for (number, run) in guest.image.space.ram.enumerated() {
      for gfn in run where guest.image.has(gfn, .private) {
        guard let frame = guest.backing.frame(gfn) else { continue }
        file.entries.append(.init(page: Self.filePage(gfn, range: number), order: 0, .frame(frame)))
      }
    }
    let form = shape.kvm
    var pages: [Range<UInt64>] = []
    for (number, run) in guest.image.space.ram.enumerated() {
      for gfn in run where guest.image.has(gfn, .private) {
        let page = Self.filePage(gfn, range: number)
        if let last = pages.last, last.upperBound == page {
          pages[pages.count - 1] = last.lowerBound..<page + 1
        } else {
          pages.append(page..<page + 1)
        }
      }
    }
    let place = try tasks?.writeGuestFile(
      file, private: frames, pages: pages, size: UInt64(guest.image.space.ram.count + 1) << 18, of: guest.kvm, form,
      kernel: kernel, in: &space)
    for (number, run) in guest.image.space.ram.enumerated() {
      slots[number].file = place.map { ($0, Self.filePage(run.lowerBound, range: number)) }
    }
  }

  /// What is left of a page where another has taken its place.
  mutating func oldPage() throws(RecipeMistake) -> UInt64 {
    let frame = try space.allocate()
    space.memory.setWords([UInt64](repeating: SplitMix64.mix(~frame), count: 512), frame: frame)
    return frame
  }
}
