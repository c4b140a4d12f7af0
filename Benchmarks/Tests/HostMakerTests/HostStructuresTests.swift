import HostModel
import Testing

@testable import host_maker

/// The way from the kernel's list of VMs to the guests' memory, through the kernel's own page tables.
@Suite struct HostStructuresTests {
  private let kind: HostKind
  private static let address: UInt64 = 0x000f_ffff_ffff_f000

  init() throws { kind = try #require(HostKind.standard) }

  /// Walks four levels from a root; nil where nothing is mapped.
  private func translate(_ virtual: UInt64, _ root: UInt64, _ load: (UInt64) -> UInt64) -> UInt64? {
    var table = root
    for level in [4, 3, 2, 1] as [UInt64] {
      let entry = load(table + (virtual >> (3 + 9 * level) & 511) * 8)
      guard entry & 1 == 1 else { return nil }
      let mask: UInt64 = 1 << (3 + 9 * level) - 1
      if level == 1 || entry & 0x80 != 0 { return entry & Self.address & ~mask | virtual & mask }
      table = entry & Self.address
    }
    return nil
  }

  @Test func everyVMOfTheListLeadsToItsVCPUsRegionAndEPT() throws {
    let options = HostOptions(size: 256 << 20, guestSize: 192 << 20, guests: 4, backing: .half)
    let objects = try HostStructures(options, kind: kind, geometry: try Geometry(options))
    let memory = objects.memory
    let root = objects.kernel.tables.root
    func load(_ virtual: UInt64) throws -> UInt64 {
      let place = try #require(translate(virtual, root, memory.load))
      return memory.load(place)
    }
    let head = objects.module.vmList
    var node = try load(head)
    var pointers: [UInt64] = []
    while node != head && pointers.count < 100 {
      #expect(try load(try load(node) + 8) == node)
      let machine = node - 4472
      let xarray = try load(machine + 4392 + 8)
      for slot in 0..<options.vcpusPerGuest {
        let vcpu = try load(xarray - 2 + 40 + slot * 8)
        #expect(try load(vcpu) == machine)
        let region = try load(try load(vcpu + 6952))
        #expect(try load(region) == 0x12)
        pointers.append(try load(region + 320))
      }
      node = try load(node)
    }
    // The youngest first.
    let wanted = objects.geometry.guests.reversed().flatMap { guest in
      [objects.ept.pointer(guest), objects.ept.pointer(guest)]
    }
    #expect(pointers == wanted)
  }

  /// AMD's have nested CR3 in a page that is told by what it holds, and the processors' own pages beside them.
  @Test func everyVMOfAnAMDHostLeadsToItsVMCBAndNPT() throws {
    let kind = try #require(HostKind.amd)
    let options = HostOptions(size: 256 << 20, guestSize: 192 << 20, guests: 2, backing: .half)
    let objects = try HostStructures(options, kind: kind, geometry: try Geometry(options))
    let root = objects.kernel.tables.root
    func load(_ virtual: UInt64) throws -> UInt64 {
      objects.memory.load(try #require(translate(virtual, root, objects.memory.load)))
    }
    var node = try load(objects.module.vmList)
    for guest in objects.geometry.guests.reversed() {
      let xarray = try load(node - 4472 + 4392 + 8)
      for slot in 0..<options.vcpusPerGuest {
        let vcpu = try load(xarray - 2 + 40 + slot * 8)
        let vmcb = try load(vcpu + 6560)
        #expect(try load(vcpu + 6552) == vmcb && translate(vmcb, root, objects.memory.load) == load(vcpu + 6568))
        #expect(try load(vmcb + 0xb0) == objects.ept.pointer(guest))
        #expect(try load(vmcb + 0x4d0) & 0x1000 != 0)
      }
      // Every entry has U, as walks of NPT need it.
      var words = SparseMemory.zero
      objects.ept.fill(&words, frame: objects.ept.pointer(guest) >> 12)
      #expect(words[0] & 7 == 7)
      node = try load(node)
    }
    #expect(objects.kernel.description.vendor == "AuthenticAMD")
  }

  @Test func aGuestsTablesLeadToItsOwnNamesAndSections() throws {
    let options = HostOptions(size: 64 << 30, guestSize: 48 << 30, guests: 1, backing: .shuffled)
    let geometry = try Geometry(options)
    let memory = try HostStructures(options, kind: kind, geometry: geometry).memory
    let guest = geometry.guests[0]
    let seed = mix(options.seed &* 1000)
    let system = try GuestSystem(
      guest, kernel: kind.kernel(nodeName: "guest"), vcpus: options.vcpusPerGuest, seed: seed)
    let kernel = try #require(system.program.kernel)
    let root = kernel.tables.root
    let load = { (gpa: UInt64) in geometry.frame(guest, gpa: gpa).map { memory.load($0 << 12 | gpa & 0xfff) } ?? 0 }
    let names = translate(kernel.stext + BuiltKernel.Place.utsNamespace, root, load)
    #expect(names == kernel.image + BuiltKernel.Place.utsNamespace)
    #expect(translate(kernel.directMap + 0x1234_5678, root, load) == 0x1234_5678)
    // "Linux", and the last section of 49 GiB: the 392nd of 128 MiB, in the second root.
    #expect(names.map(load).map { $0 & 0xff_ffff_ffff } == 0x78_756e_694c)
    let sections = kernel.memorySections - kernel.directMap
    let second = load(sections + 8) - kernel.directMap
    #expect(load(second + (391 - 256) * 16) == BuiltKernel.section)
    #expect(load(second + (392 - 256) * 16) == 0)
    // None in the hole from 3 to 4 GiB: sections 24 to 31.
    let first = load(sections) - kernel.directMap
    #expect(load(first + 23 * 16) == BuiltKernel.section && load(first + 32 * 16) == BuiltKernel.section)
    #expect(load(first + 24 * 16) == 0 && load(first + 31 * 16) == 0)
  }

  @Test func aGuestOfTheLeastMemoryAndTheMostVCPUsHasRoom() throws {
    let options = HostOptions(size: 256 << 20, guestSize: 4 << 20, guests: 1, vcpusPerGuest: 64, cpus: 64)
    #expect(options.fault == nil)
    let geometry = try Geometry(options)
    let objects = try HostStructures(options, kind: kind, geometry: geometry)
    #expect(objects.memory.pages.keys.allSatisfy { frame in geometry.ram.contains { $0.contains(frame) } })
  }

  @Test func theLargestHostHasRoomForItsStructures() throws {
    let options = HostOptions(size: 4 << 40, guestSize: 3 << 40, guests: 64, vcpusPerGuest: 8, cpus: 256)
    _ = try HostStructures(options, kind: kind, geometry: try Geometry(options))
  }
}
