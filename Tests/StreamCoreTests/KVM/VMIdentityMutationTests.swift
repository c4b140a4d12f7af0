import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Words of a described host's kernel objects that are wrong: pointers that lead elsewhere, or in circles. What is told
/// of a VMM stays within bounds, and has a name or a reason.
@Suite struct VMIdentityMutationTests {
  private struct Mutated: PhysicalMemory {
    let pages: [UInt64: Page]
    let changed: [UInt64: Page]

    func page(_ frame: UInt64) -> PageResult {
      frame < 1 << 40 ? .page(changed[frame] ?? pages[frame] ?? .zero) : .absent
    }
  }

  @Test(arguments: ["6.1 symbols types", "7.3 symbols types"])
  func noWordMakesANameWithoutEndOrAReason(kernel: String) throws {
    let host = try HostRecipe(
      """
      host ram 24M kernel \(kernel) seed 5
      guest web ram 0-2M nolinux unnamed
        cgroup /a.slice/b.slice/c.scope
        socket /run/web.sock
        socket /run/other.sock
        file /var/log/web.log
      """
    ).build()
    let text = try #require(host.vmcoreInfo)
    let info = try #require(VMCoreInfo(Array(text.utf8)))
    var pages: [UInt64: Page] = [:]
    for frame in host.memory.pages.keys { pages[frame] = Page(host.memory.bytes(at: frame << 12, count: 4096)) }
    let image = host.kernel.image >> 12
    let user = host.userRuns
    let objects = pages.keys.filter { frame in
      !(image..<image + 2048).contains(frame) && !user.contains { $0.contains(frame) }
    }.sorted()
    // Words that are addresses of objects, and where they stand.
    let pointers = objects.flatMap { frame in
      (0..<512 as Range<UInt64>).map { frame << 12 + $0 * 8 }
    }.filter { place in
      let value = host.memory.load(place)
      return value > host.kernel.directMap && objects.contains((value - host.kernel.directMap) >> 12)
    }
    let sound = try #require(
      HostWord(info, Mutated(pages: pages, changed: [:])).completed().listed?.vms.first?.identity)
    #expect(sound.name?.text == "web" && sound.name?.source == .files && sound.cgroup == "/a.slice/b.slice/c.scope")
    var random = SplitMix64(seed: 43)
    var different = 0
    for _ in 0..<600 {
      var changed: [UInt64: Page] = [:]
      for _ in 0...random.below(3) {
        let place = pointers[Int(random.below(UInt64(pointers.count)))]
        let other = pointers[Int(random.below(UInt64(pointers.count)))]
        let value =
          [host.kernel.virtual(other), host.kernel.virtual(place), host.memory.load(other), random.next()][
            Int(random.below(4))]
        var bytes = (changed[place >> 12] ?? pages[place >> 12] ?? .zero).bytes
        bytes.replaceSubrange(Int(place & 0xfff)..<Int(place & 0xfff) + 8, with: LittleEndian.bytes(value))
        changed[place >> 12] = Page(bytes)
      }
      let word = try HostWord(info, Mutated(pages: pages, changed: changed)).completed()
      for vm in word.listed?.vms ?? [] {
        let identity = try #require(vm.identity)
        #expect(identity.name != nil || identity.unknown["name"] != nil, "\(changed.keys)")
        for (key, isKnown) in [
          ("comm", identity.comm != nil), ("uid", identity.uid != nil), ("cgroup", identity.cgroup != nil),
        ] { #expect(isKnown != (identity.unknown[key] != nil), "\(key)") }
        #expect((identity.name?.text.utf8.count ?? 0) <= VMName.limit)
        #expect((identity.cgroup?.utf8.count ?? 0) <= 4097 && (identity.pid ?? 1) < 1 << 22)
        if identity.name != sound.name || identity.cgroup != sound.cgroup { different += 1 }
      }
    }
    #expect(different > 20)
  }
}
