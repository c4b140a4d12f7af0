import HostRecipes
@testable import StreamCore
import Testing

/// Guests whose memory is a mapping of a file: what neither EPT nor the VMM's page tables have, the page cache has.
@Suite struct FileBackedGuestTests {
  /// The forms that files' pages and mappings have had.
  private static let kernels = [
    "4.18 symbols types builtin", "5.10 symbols types builtin", "5.14 symbols types", "6.1 symbols types",
    "6.12 symbols types", "7.3 symbols types",
  ]

  private func expectExact(_ recipe: String) throws -> SplitRun {
    let run = try SplitRun(recipe)
    #expect(run.manifest.discovery?.way == "kernel")
    #expect(run.manifest.guests.count == run.host.liveGuests.count)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.warnings.map(\.code) == [])
    return run
  }

  /// Beside it a guest in anonymous memory, which is no file's.
  @Test(arguments: kernels, ["memfd", "private", "dax"])
  func pagesThatOnlyTheFileHasAreThere(kernel: String, file: String) throws {
    let run = try expectExact(
      """
      host ram 96M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+2M linux 6.1.0-a in \(file)
        cached 1M-1M+64K 1M+68K-1M+72K 4G-4G+512K
        untouched 4G+512K-4G+516K
        hva-only 4G+516K-4G+520K
        swapped 4G+520K-4G+524K
      guest b ram 0-4M linux 6.12.0-b
        untouched 1M-1M+64K
      """)
    #expect(try run.entry(run.host.guests[0]).pages.pageCache == 16 + 1 + 128)
  }

  /// Folios of part of a node of the tree, of one slot, of several, and the largest of x86.
  @Test(arguments: kernels)
  func largeFoliosAreWhole(kernel: String) throws {
    let run = try expectExact(
      """
      host ram 96M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+8M linux 6.1.0-a in memfd
        folios 16K 1M-1M+32K 1M+64K-1M+80K
        folios 256K 1M+256K-1M+512K
        folios 512K 4G+512K-4G+1M
        folios 2M 4G+2M-4G+4M
        cached 4G-4G+16K 4G+1M-4G+1M+4K
        untouched 4G+6M-4G+8M
      """)
    #expect(try run.entry(run.host.guests[0]).pages.pageCache == 12 + 64 + 128 + 512 + 5)
  }

  /// Shared memory that was swapped out has an entry in the file's tree and none in page tables.
  @Test(arguments: kernels, ["memfd", "private"])
  func whatTheFileHasInSwapIsSwapped(kernel: String, file: String) throws {
    let run = try expectExact(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+1M linux 6.1.0-a in \(file)
        cache-swapped 4G-4G+16K 4G+64K-4G+68K
        cached 4G+16K-4G+32K
      """)
    #expect(try run.entry(run.host.guests[0]).pages.absent == ["swapped": 5])
  }

  /// Before 6.7 files in hugetlbfs count in huge pages.
  @Test(arguments: kernels)
  func hugePagesOf2MiB(kernel: String) throws {
    let run = try expectExact(
      """
      host ram 96M cpus 2 kernel \(kernel)
      guest a ram 0-8M 4G-4G+8M backing 2M linux 6.1.0-a in hugetlbfs
        cached 4M-6M 4G+2M-4G+6M
        untouched 4G+6M-4G+8M
      """)
    #expect(try run.entry(run.host.guests[0]).pages.pageCache == 3 * 512)
  }

  @Test(arguments: ["5.10 symbols types builtin", "6.1 symbols types", "6.12 symbols types"])
  func hugePagesOf1GiB(kernel: String) throws {
    // What processes have is filtered out, as a GiB is much to store.
    let host = try HostRecipe(
      """
      host ram 0-64M 1G-4G cpus 2 directmap 1G kernel \(kernel)
      guest a ram 4G-5G backing 1G nolinux in hugetlbfs
        cached 4G-5G
      """
    ).build()
    let directory = try RecipeDirectory()
    let path = try directory.write(RecipeKdump(codec: .lzo, level: 25).file(of: host).0.bytes, as: "host.dump")
    let inspection = try Inspection.run(path: path, Inspection.Options(.page, workers: Workers(count: 2)))
    let pages = inspection.manifest().guests[0].pages
    #expect(pages.known == 1 << 18 && pages.pageCache == 1 << 18 && pages.untouched == 0)
    #expect(pages.absent == ["filtered": 1 << 18])
    for gfn in stride(from: 4 << 18 as UInt64, to: 5 << 18, by: 4099) {
      #expect(inspection.guests[0].memory.hostFrame(gfn) == host.guests[0].backing.frame(gfn))
    }
  }

  /// An entry that says that a page is write-protected leaves the page to the file.
  @Test(arguments: ["6.1 symbols types", "6.12 symbols types", "7.3 symbols types"])
  func aProtectionMarkerHidesNoPage(kernel: String) throws {
    _ = try expectExact(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M linux 6.1.0-a in memfd
        cached 1M-1M+64K
        protection-marker 1M+16K-1M+32K
      """)
  }

  @Test(arguments: kernels)
  func twoGuestsOfOneVMMHaveTheirOwnFiles(kernel: String) throws {
    _ = try expectExact(
      """
      host ram 96M cpus 2 kernel \(kernel)
      guest a ram 0-4M linux 6.1.0-a in memfd
        cached 1M-1M+64K
      guest b ram 0-4M linux 6.12.0-b in memfd of a
        cached 1M-1M+128K
      guest c ram 0-4M linux 6.12.0-c
        userfault 1M-1M+8K
      """)
  }

  /// A VM of type KVM_X86_SW_PROTECTED_VM: what its attributes call private is in its guest_memfd, whatever the VMM has at
  /// the same addresses.
  @Test(arguments: ["7.3 symbols types", "7.3 symbols types la57"])
  func privatePagesAreThoseOfTheGuestsOwnFile(kernel: String) throws {
    let run = try expectExact(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+2M linux 6.1.0-a
        private 4G-4G+64K 4G+512K-4G+1M+16K 4G+1M+20K-4G+1M+24K
        cached 4G+512K-4G+768K 4G+1M+20K-4G+1M+24K
        untouched 4G+1M-4G+1M+16K
        hva-only 4G+1M+16K-4G+1M+20K
      """)
    #expect(try run.entry(run.host.guests[0]).pages.pageCache == 64 + 1)
  }

  private static func converting(_ mode: String) -> String {
    """
    host ram 64M cpus 2 kernel 7.3 symbols types \(mode)
    guest a ram 0-4M 4G-4G+2M linux 6.1.0-a
      private 4G-4G+64K 4G+512K-4G+1M+16K 4G+1M+20K-4G+1M+24K
      cached 4G+512K-4G+768K 4G+1M+20K-4G+1M+24K
      hva-only 4G+1M+16K-4G+1M+20K
    """
  }

  /// Where each guest_memfd keeps attributes of its own, a variable of kvm says whether these or the VM's count.
  @Test(arguments: ["in-place", "out-of-place", "in-place-alone"])
  func attributesOfTheFileItselfCount(mode: String) throws {
    let run = try expectExact(Self.converting(mode))
    #expect(try run.entry(run.host.guests[0]).pages.pageCache == 64 + 1)
  }

  /// Where nothing says which attributes count, pages count that both call the same.
  @Test func attributesThatDifferAreSaid() throws {
    let run = try SplitRun(Self.converting("in-place-untold"))
    let guest = run.host.guests[0]
    let pages = try run.pages(guest)
    #expect(run.manifest.warnings.map(\.code) == [.map_incomplete])
    for gfn in guest.ranges.joined() where guest.page(gfn) != nil {
      // EPT has most of the private ones.
      let isHidden = guest.image.has(gfn, .private) && guest.image.has(gfn, .cached)
      #expect(isHidden ? pages[gfn] == nil : pages[gfn] == guest.page(gfn), "\(gfn)")
    }
  }

  /// A tree of attributes that is damaged or missing gives no page of the wrong file.
  @Test(arguments: [0, 0xff] as [UInt8])
  func damagedAttributesOfAFileGiveNoPage(byte: UInt8) throws {
    let host = try HostRecipe(Self.converting("in-place")).build()
    let nodes = host.mappingStructures.filter { $0.name == "gmem_node" }
    #expect(!nodes.isEmpty)
    for node in nodes {
      let run = try SplitRun(host.overwriting(node, with: byte))
      let guest = run.host.guests[0]
      let pages = try run.pages(guest)
      #expect(run.manifest.warnings.contains { $0.code == .map_incomplete })
      #expect(pages.allSatisfy { guest.page($0.key).map { [page = $0.value] in $0.elementsEqual(page) } ?? false })
    }
  }

  /// What a guest's pages hang on and the dump lacks: what is there is right, and the rest is not called untouched.
  @Test(arguments: ["5.10 symbols types builtin", "7.3 symbols types"])
  func whatHidesPagesOfAFileIsSaid(kernel: String) throws {
    let host = try HostRecipe(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-8M linux 6.1.0-a in memfd
        cached 1M-1M+64K
        untouched 1M+128K-1M+144K
      """
    ).build()
    // Of the areas those of the guest and beside it.
    let areas = host.mappingStructures.filter { $0.name == "vm_area_struct" }.suffix(3)
    let nodes = host.mappingStructures.filter { $0.name != "vm_area_struct" }
    var hidden = 0
    for structure in areas + nodes {
      let torn = host.overwriting(structure, with: 0)
      let directory = try RecipeDirectory()
      let path = try directory.write(RecipeKdump(codec: .lzo, level: 25).file(of: torn).0.bytes, as: "host.dump")
      let manifest = try Inspection.run(path: path, Inspection.Options(.list, workers: Workers(count: 2))).manifest()
      let pages = manifest.guests[0].pages
      if pages.pageCache == 16, pages.untouched == 4 { continue }
      hidden += 1
      #expect(manifest.warnings.contains { $0.code == .map_incomplete }, "\(structure.name)")
      #expect((pages.untouched ?? 0) <= 4, "\(structure.name)")
    }
    #expect(hidden >= 4)
  }
}

/// Slots that are no RAM all of the time: devices, memory that comes and goes.
@Suite struct UnusualSlotsTests {
  /// A device's memory is none of the guest's, whether or not somebody has looked at it.
  @Test(arguments: ["4.18 symbols types builtin", "6.1 symbols types", "7.3 symbols types"])
  func devicesAreNoRAM(kernel: String) throws {
    let run = try SplitRun(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M linux 6.1.0-a
        device 0xfd000000-0xfd010000 at 0x380000000
        unseen-device 0xe0000000-0xe1000000
      """)
    let guest = run.host.guests[0]
    try run.expectExact(guest)
    let entry = try run.entry(guest)
    #expect(entry.pages.device == 16 + 4096)
    #expect(entry.slots?.count == 3)
    #expect(run.manifest.warnings.map(\.code) == [])
    #expect(run.manifest.exitStatus == .complete)
    for tableLimit in [1 << 15, 1] as [UInt64] {
      let directory = try RecipeDirectory()
      let path = try directory.write(run.host.kdump(.lzo), as: "host.dump")
      var options = Inspection.Options(.list, workers: Workers(count: 2))
      options.tableLimit = tableLimit
      let listed = try Inspection.run(path: path, options).manifest().guests[0]
      #expect(listed.ram.map(\.end.value) == [4 << 20])
    }
  }

  /// Virtio-mem has no slot, or nothing in a slot, where memory was not plugged; a balloon leaves holes anywhere.
  @Test(arguments: ["6.1 symbols types", "7.3 symbols types"], ["", "in memfd"])
  func holesOfVirtioMemAndABalloonAreNotMissing(kernel: String, file: String) throws {
    let run = try SplitRun(
      """
      host ram 96M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+2M 4G+4M-4G+6M 4G+16M-4G+32M backing 2M linux 6.1.0-a \(file)
        untouched 4G+18M-4G+30M
        untouched 1M-1M+4K 1M+12K-1M+20K 3M-3M+64K
      """)
    let guest = run.host.guests[0]
    try run.expectExact(guest)
    #expect(try run.entry(guest).pages.untouched == 3072 + 3 + 16)
    #expect(run.manifest.warnings.map(\.code) == [])
    #expect(run.manifest.exitStatus == .complete)
  }

  /// A VM whose memory comes page by page from where it was: what has not come is not untouched.
  @Test(arguments: ["4.18 symbols types builtin", "5.14 symbols types", "6.12 symbols types"], ["", "in memfd"])
  func pagesThatAreStillToComeAreAbsent(kernel: String, file: String) throws {
    let run = try SplitRun(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+2M linux 6.1.0-a \(file)
        userfault 4G-4G+64K 4G+68K-4G+1M
        untouched 1M-1M+16K
      """)
    let guest = run.host.guests[0]
    try run.expectExact(guest)
    #expect(try run.entry(guest).pages.absent == ["userfault": 255])
    #expect(run.manifest.exitStatus == .incomplete)
  }
}
