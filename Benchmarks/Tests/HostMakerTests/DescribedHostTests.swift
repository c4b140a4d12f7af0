import HostModel
import Testing

@testable import host_maker

/// A made host whose kernel describes itself: from the slots of its VMs through the VMMs' page tables to memory.
@Suite struct DescribedHostTests {
  private let kind: HostKind

  init() throws { kind = try #require(HostKind.standard) }

  private func host(_ options: HostOptions) throws -> HostStructures {
    var options = options
    options.describes = true
    #expect(options.fault == nil)
    return try HostStructures(options, kind: kind, geometry: try Geometry(options))
  }

  /// Physical memory with the tables that are made only when their turn comes.
  private func load(_ host: HostStructures, _ place: UInt64) -> UInt64 {
    guard host.geometry.tables.contains(place >> 12) else { return host.memory.load(place) }
    var words = SparseMemory.zero
    host.ept.fill(&words, frame: place >> 12)
    return words[Int(place & 0xfff) >> 3]
  }

  private func translate(_ address: UInt64, _ root: UInt64, _ host: HostStructures) -> UInt64? {
    var table = root
    for level in [4, 3, 2, 1] as [UInt64] {
      let entry = load(host, table + (address >> (3 + 9 * level) & 511) * 8)
      guard entry & 1 == 1 else { return nil }
      let mask: UInt64 = 1 << (3 + 9 * level) - 1
      let next = entry & 0x000f_ffff_ffff_f000
      if level == 1 || entry & 0x80 != 0 { return next & ~mask | address & mask }
      table = next
    }
    return nil
  }

  @Test func theSlotsOfEveryVMLeadToItsMemory() throws {
    let host = try host(HostOptions(size: 8 << 30, guestSize: 7 << 30, guests: 2, backing: .half))
    let root = host.kernel.tables.root
    let number = { (address: UInt64) in translate(address, root, host).map { load(host, $0) } ?? 0 }
    var node = number(host.module.vmList)
    for guest in host.geometry.guests.reversed() {
      let machine = node - 4472
      let tables = try #require(translate(number(number(machine + 72) + 72), root, host))
      // The set in use has its nodes at 152 in each slot; the tree's leftmost slot is the first.
      let set = number(machine + 4376)
      #expect(number(set + 1064) & 0xffff_ffff == 1)
      var slots: [(gfn: UInt64, pages: UInt64, hva: UInt64)] = []
      func visit(_ place: UInt64) {
        guard place != 0 && slots.count < 10 else { return }
        visit(number(place + 16))
        slots.append((number(place - 152 + 176), number(place - 152 + 184), number(place - 152 + 248)))
        visit(number(place + 8))
      }
      visit(number(set + 32))
      let memory = slots.filter { $0.gfn != 0xfee00 }
      #expect(memory.map { $0.gfn..<$0.gfn + $0.pages } == guest.ram)
      for slot in memory {
        for page in [0, 1, 511, 512, 777, slot.pages / 2, slot.pages - 1] {
          let frame = translate(slot.hva + page << 12, tables, host)
          #expect(frame == host.geometry.frame(guest, gpa: (slot.gfn + page) << 12).map { $0 << 12 })
        }
        #expect(translate(slot.hva + slot.pages << 12, tables, host) == nil || slot.hva != memory.last?.hva)
      }
      node = number(node)
    }
    #expect(node == host.module.vmList)
    #expect(host.kernel.vmcoreInfo.contains("SYMBOL(kallsyms_names)="))
  }

  @Test func theSmallestAndTheLargestHostHaveRoom() throws {
    _ = try host(HostOptions(size: 256 << 20, guestSize: 4 << 20, guests: 1, vcpusPerGuest: 64, cpus: 64))
    _ = try host(HostOptions(size: 4 << 40, guestSize: 3 << 40, guests: 64, vcpusPerGuest: 8, cpus: 256))
  }
}
