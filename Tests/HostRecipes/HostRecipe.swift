import HostModel

/// A host and its guests as text, one line for one thing a test cares about. From it the builder makes the host's
/// memory, and from that a dump in any format.
///
///     host ram 256M cpus 2 layout bochs-2.7 kernel 6.1 seed 7
///     guest web ram 0-16M 4G-4G+8M backing 2M linux 6.1.0-test
///       vcpu apic 0 vmcs 0x0cb3a000
///       vcpu apic 1 halted
///     guest db ram 0-8M backing 4K shuffled nolinux
///       vcpu running
///       filter 4M-5M                  # the dump leaves these pages out
///     share web 0x300000 db 0x200000  # KSM: db's page becomes web's frame
///
/// Host words: `ram`, `cpus`, `layout`, `kernel` (shape and release), `shape`, `release`, `seed`, `la57`, `pti`,
/// `directmap`, `unknown-layout REVISION`, `secrets` (every page names its owner), `symbols [content]
/// [percpu|plain|entry|addresses]` (names in memory and where they are in VMCOREINFO, or by content alone; a form other
/// than the release's), `types` (BTF), `amd` (processors and KVM's module are AMD's), `sme BIT` (the host's memory is
/// encrypted, which entries say by this bit), `builtin` (KVM is part of the kernel's image), `in-place|out-of-place|
/// in-place-alone|in-place-untold` (each guest_memfd has attributes of its own, and which count). A host with symbols or
/// types has processes, too.
/// Host lines: `hole RANGE`, `drop RANGE` (not in the dump), `share`, `u64 HPA VALUE`, `fill HPA BYTE COUNT`, `no
/// vmcoreinfo`, `no legacy-hole`, `zswap CODEC ALLOCATOR`, `forge GUEST VCPU …` (in page cache).
/// Guest words: `ram`, `backing 4K|2M|1G`, `shuffled`, `linux RELEASE`, `nolinux`, `la57`, `levels 4|5`, `dead`, `sev|sev-es`,
/// `zero-share`, `process qemu|firecracker|cloud-hypervisor`, `as NAME` (of the VM, `%41` for a byte), `unnamed` (its
/// arguments say no name), `of GUEST` (that one's VMM runs it, too), `in FILE` (its RAM maps a file). Lines of its
/// process: `argument TEXT`, `socket PATH`, `file PATH`, `cgroup PATH`, `uid N`, `started NS`. Guest lines: `vcpu`,
/// `untouched|hva-only|swapped|filter|zero RANGE`, `device RANGE [at HPA]`, `unseen-device RANGE` (no table maps it),
/// `prot-none|migrating|zero-page|hwpoison|device-private|poison-marker|protection-marker|userfault RANGE`;
/// `private RANGE` (in a guest_memfd, where the kernel has that; with `cached`: EPT does not map it);
/// of a guest with `in memfd|private|hugetlbfs|dax`, whose RAM maps a file: `cached RANGE` (only the file has it),
/// `folios SIZE RANGE` (likewise, in large folios), `cache-swapped RANGE`;
/// `swap-folios SIZE RANGE` (as swap-cached, in large folios), `swap-cached|swap-reading|zswapped RANGE` (swapped out, and in memory all the same), of a guest in a file
/// `cache-zswapped|cache-unready RANGE`; `swap-zero RANGE` (swapped out when they were zeros); `noise RANGE` (pages that do not compress);
/// `stray RANGE at HPA` (EPT maps it, no slot has it), `fake
/// GPA GUEST VCPU`, `inner GPA` (of an AMD host: where the guest has its own guest's VMCB), `forge GPA GUEST VCPU …`, `heads`, `copies GUEST VCPU`, `ept-loop GPA`, `ept-share GPA GPA`,
/// `ept-flood LEVEL TABLES HPA` (tables full of leaves to HPA), `u64 GPA VALUE`, `fill GPA BYTE COUNT`.
/// Words of a forgery: `maps host|loop|shared|GUEST`, `complete` (vCPU, VM and page tables of its own), `true-vm` (a
/// vCPU of its own that names the true VM), `own-kernel` (complete, with a kernel's page tables), `in-registers` (no
/// vCPU of its own: the true one's registers look like a `loaded_vmcs`), `in-layout LAYOUT` (another than the host's),
/// `FIELD VALUE`.
/// Of the host or a guest: `log NANOSECONDS TEXT` (a record of its kernel's log, "%20" for a space).
/// Of a host that describes itself: `clock KHZ OFFSET STABLE`; of a guest `clock OFFSET [master NANOSECONDS COUNTER]`
/// and `counter OFFSET RATIO LAST` (of all its vCPUs; LAST: when they left their CPUs).
/// vCPU words: `apic`, `vmcs`, `cpu`, `running|halted|stopped|never-run`, `user`, `xapic`; on an AMD host `nested` (it had
/// a guest of its own in it) and `in-own-guest` (it has).
/// A guest without a `vcpu` line has one; what is not said follows from the seed.
package struct HostRecipe: Sendable {
  package typealias Mistake = RecipeMistake

  package private(set) var spec = HostSpec()

  package init(_ text: String) throws(RecipeMistake) {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var words = RecipeWords(line: index + 1, text: line)
      guard let verb = words.next() else { continue }
      if words.isIndented {
        try guestLine(verb, &words)
      } else {
        try hostLine(verb, &words)
      }
      if let extra = words.next() { throw words.mistake("'\(extra)' is not understood") }
    }
  }

  package func build() throws(RecipeMistake) -> BuiltHost {
    var builder = try HostBuilder(spec)
    return try builder.build()
  }

  private mutating func hostLine(_ verb: String, _ words: inout RecipeWords) throws(RecipeMistake) {
    switch verb {
    case "host": try hostWords(&words)
    case "guest": spec.guests.append(try guestWords(&words))
    case "hole": spec.holes.append(try words.range("hole"))
    case "drop": spec.filtered.append(try words.range("drop"))
    case "share":
      let first = try words.word("guest")
      let firstGPA = try words.number("GPA")
      let second = try words.word("guest")
      spec.shares.append(
        ShareSpec(
          line: words.line, first: first, firstGPA: firstGPA, second: second, secondGPA: try words.number("GPA")))
    case "u64", "fill": spec.pokes.append(try poke(verb, &words))
    case "forge": spec.forgeries.append(try forgery(at: nil, &words))
    case "log": try spec.log.take(&words)
    case "zswap":
      let codec = try words.word("codec")
      let name = try words.word("allocator")
      guard let allocator = KernelSwap.Allocator(rawValue: name) else {
        throw words.mistake("zswap: no allocator '\(name)'")
      }
      spec.zswap = (codec, allocator)
    case "clock":
      spec.clock = ClockDescription(
        ticks: try words.number("kHz"), offset: try words.number("offset"),
        stableOffset: try words.number("stable offset"))
    case "timekeeping": spec.keptTime = try KeptTimeDescription(&words)
    case "no":
      switch try words.word("what") {
      case "vmcoreinfo": spec.hasVMCoreInfo = false
      case "legacy-hole": spec.holes.removeAll { $0 == 0xa0000..<0x100000 }
      case let other: throw words.mistake("no '\(other)'")
      }
    default: throw words.mistake("'\(verb)' is not understood")
    }
  }

  private mutating func hostWords(_ words: inout RecipeWords) throws(RecipeMistake) {
    while let word = words.next() {
      switch word {
      case "ram": spec.ram = try words.ranges("ram")
      case "cpus":
        spec.cpus = Int(clamping: try words.number("cpus"))
        guard (1...4096).contains(spec.cpus) else { throw words.mistake("cpus: 1 to 4096") }
      case "layout":
        spec.layout = try words.word("layout")
        guard VMCSLayout.catalogue[spec.layout] != nil else { throw words.mistake("no layout '\(spec.layout)'") }
      case "kernel":
        spec.shape = try shape(&words)
        spec.release = "\(spec.shape.prefix { $0 != "-" }).0-recipe-amd64"
      case "amd": spec.isAMD = true
      case "sme":
        let bit = try words.number("bit")
        guard (32...51).contains(bit) else { throw words.mistake("sme: bit 32 to 51") }
        spec.encryptionBit = 1 << bit
      case "shape": spec.shape = try shape(&words)
      case "release": spec.release = try words.word("release")
      case "seed": spec.seed = try words.number("seed")
      case "unknown-layout": spec.unknownRevision = UInt32(clamping: try words.number("revision"))
      case "secrets": spec.hasSecrets = true
      case "symbols":
        spec.hasSymbols = true
        spec.hasSymbolKeys = !words.take("content")
        spec.symbolForm = KallsymsForm.allCases.first { words.take($0.rawValue) }
      case "types": spec.hasTypes = true
      case "builtin": spec.isKVMBuiltIn = true
      case "la57": spec.isLA57 = true
      case "pti": spec.hasPTI = true
      case "directmap": spec.directMapPage = try pageSize(&words)
      default:
        guard let own = KVMShape.KVMForm.OwnAttributes(rawValue: word) else {
          throw words.mistake("host: '\(word)' is not understood")
        }
        spec.ownAttributes = own
      }
    }
  }

  private func guestWords(_ words: inout RecipeWords) throws(RecipeMistake) -> GuestSpec {
    var guest = GuestSpec(name: try words.word("name"), line: words.line)
    guard !spec.guests.contains(where: { $0.name == guest.name }) else { throw words.mistake("two '\(guest.name)'") }
    while let word = words.next() {
      switch word {
      case "ram": guest.ram = try words.ranges("ram")
      case "backing": guest.backingPage = try pageSize(&words)
      case "shuffled": guest.isShuffled = true
      case "linux": guest.linux = try words.word("release")
      case "nolinux": guest.linux = nil
      case "la57": guest.isLA57 = true
      case "levels":
        guest.eptLevels = Int(clamping: try words.number("levels"))
        guard (4...5).contains(guest.eptLevels) else { throw words.mistake("levels: 4 or 5") }
      case "dead": guest.isDead = true
      case "sev": guest.encryption = 2
      case "sev-es": guest.encryption = 6
      case "zero-share": guest.sharesZero = true
      case "process":
        guard let program = VMMProgram(rawValue: try words.word("program")) else { throw words.mistake("no program") }
        guest.process.program = program
      case "in":
        let kind = try words.word("kind of file")
        guard let file = GuestFile(rawValue: kind) else { throw words.mistake("in: no file '\(kind)'") }
        guest.file = file
      case "as": guest.process.name = ProcessSpec.bytes(try words.word("name"))
      case "unnamed": guest.process.isUnnamed = true
      case "of": guest.process.owner = try words.word("guest")
      default: throw words.mistake("guest: '\(word)' is not understood")
      }
    }
    return guest
  }

  private mutating func guestLine(_ verb: String, _ words: inout RecipeWords) throws(RecipeMistake) {
    guard let last = spec.guests.indices.last else { throw words.mistake("no guest to which '\(verb)' belongs") }
    if let kind = GuestRange(rawValue: verb) {
      for range in try words.ranges(verb) { spec.guests[last].ranges.append((kind, range)) }
      return
    }
    if try spec.guests[last].process.take(verb, &words) { return }
    switch verb {
    case "vcpu": spec.guests[last].vcpus.append(try vcpuWords(&words))
    case "log": try spec.guests[last].log.take(&words)
    case "clock":
      spec.guests[last].clock = VMClockDescription(offset: try words.number("offset"))
      if words.take("master") {
        spec.guests[last].clock?.master = (try words.number("nanoseconds"), try words.number("counter"))
      }
      if words.take("set") { spec.guests[last].clock?.counterSet = try words.number("nanoseconds") }
    case "counter":
      let offset = try words.number("offset")
      let ratio = try words.number("ratio")
      spec.guests[last].clock?.counter = (offset, ratio, try words.number("last"))
    case "folios", "swap-folios":
      let size = try words.number("size")
      guard size > 4096, size & (size - 1) == 0 else { throw words.mistake("folios: a power of two above 4K") }
      for range in try words.ranges("folios") {
        guard (range.lowerBound | range.upperBound) & (size - 1) == 0 else { throw words.mistake("folios: not whole") }
        spec.guests[last].folios.append((range, size >> 12))
        spec.guests[last].ranges.append((verb == "folios" ? .cached : .swapCached, range))
      }
    case "device":
      let range = try words.range("device")
      // Unless said otherwise: a 64-bit PCI window above the RAM of most hosts, one for each guest.
      let window = 0xe0_0000_0000 + UInt64(last) << 32 + range.lowerBound & 0xffff_f000
      let address = words.take("at") ? try words.number("HPA") : window
      spec.guests[last].devices.append((range, address >> 12))
    case "unseen-device": spec.guests[last].unseenDevices += try words.ranges("unseen-device")
    case "stray":
      let range = try words.range("stray")
      guard words.take("at") else { throw words.mistake("stray: 'at HPA' is missing") }
      spec.guests[last].strays.append((range, try words.number("HPA") >> 12))
    case "fake":
      let gpa = try words.number("GPA")
      let guest = try words.word("guest")
      let vcpu = Int(clamping: try words.number("vcpu"))
      spec.guests[last].fakes.append(FakeSpec(line: words.line, gpa: gpa, guest: guest, vcpu: vcpu))
    case "forge":
      let gpa = try words.number("GPA")
      spec.guests[last].forgeries.append(try forgery(at: gpa, &words))
    case "heads": spec.guests[last].flood = .heads
    case "copies":
      let guest = try words.word("guest")
      spec.guests[last].flood = .copies(
        line: words.line, guest: guest, vcpu: Int(clamping: try words.number("vcpu")))
    case "ept-loop": spec.guests[last].bends.append((try words.number("GPA"), nil))
    case "ept-share":
      let gpa = try words.number("GPA")
      spec.guests[last].bends.append((gpa, try words.number("GPA")))
    case "ept-flood": spec.guests[last].eptFloods.append(try eptFlood(&words))
    case "inner": spec.guests[last].inner = try words.number("GPA")
    case "u64", "fill": spec.guests[last].pokes.append(try poke(verb, &words))
    default: throw words.mistake("'\(verb)' is not understood")
    }
  }

  private func eptFlood(_ words: inout RecipeWords) throws(RecipeMistake) -> EPTFloodSpec {
    let level = try words.number("level")
    let tables = try words.number("tables")
    let flood = EPTFloodSpec(level: Int(clamping: level), tables: tables, address: try words.number("HPA"))
    guard (1...3).contains(level), (1...(level == 3 ? 511 : 511 * 512)).contains(tables),
      flood.address % (4096 << (9 * (level - 1))) == 0
    else { throw words.mistake("ept-flood: level 1 to 3, at most 511 tables of level 3, an address that fits") }
    return flood
  }

  private func forgery(at gpa: UInt64?, _ words: inout RecipeWords) throws(RecipeMistake) -> ForgerySpec {
    let guest = try words.word("guest")
    var forgery = ForgerySpec(
      line: words.line, gpa: gpa, guest: guest, vcpu: Int(clamping: try words.number("vcpu")))
    while let word = words.next() {
      switch word {
      case "complete": forgery.machine = .own
      case "true-vm": forgery.machine = .genuine
      case "own-kernel": forgery.machine = .kernel
      case "in-registers": forgery.isInRegisters = true
      case "in-layout":
        forgery.layout = try words.word("layout")
        guard forgery.layout.flatMap({ VMCSLayout.catalogue[$0] }) != nil else { throw words.mistake("no such layout") }
      case "maps":
        switch try words.word("what it maps") {
        case "host": forgery.map = .host
        case "loop": forgery.map = .loop
        case "shared": forgery.map = .shared
        case let name: forgery.map = .guest(name)
        }
      default: forgery.fields[word] = try words.number(word)
      }
    }
    return forgery
  }

  private func vcpuWords(_ words: inout RecipeWords) throws(RecipeMistake) -> VCPUSpec {
    var vcpu = VCPUSpec(line: words.line)
    while let word = words.next() {
      switch word {
      case "apic": vcpu.description.apicID = UInt32(clamping: try words.number("apic"))
      case "vmcs":
        let address = try words.number("vmcs")
        guard address & 0xfff == 0 else { throw words.mistake("vmcs: not the address of a page") }
        vcpu.description.vmcs = address
      case "cpu":
        vcpu.description.hostCPU = Int(clamping: try words.number("cpu"))
        guard (0..<spec.cpus).contains(vcpu.description.hostCPU ?? 0) else {
          throw words.mistake("cpu: the host has \(spec.cpus)")
        }
      case "user": vcpu.description.isUser = true
      case "xapic": vcpu.description.isXAPIC = true
      default:
        if let nested = NestedState(rawValue: word) {
          vcpu.description.nested = nested
          continue
        }
        guard let state = VCPUActivity(rawValue: word) else {
          throw words.mistake("vcpu: '\(word)' is not understood")
        }
        vcpu.description.activity = state
      }
    }
    return vcpu
  }

  private func poke(_ verb: String, _ words: inout RecipeWords) throws(RecipeMistake) -> PokeSpec {
    let address = try words.number("address")
    let value = try words.number("value")
    guard verb == "fill" else { return PokeSpec(address: address, bytes: LittleEndian.bytes(value)) }
    let count = try words.number("count")
    guard count <= 1 << 24 && value < 256 else { throw words.mistake("fill: a byte and at most 16M") }
    return PokeSpec(address: address, bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: value), count: Int(count)))
  }

  private func shape(_ words: inout RecipeWords) throws(RecipeMistake) -> String {
    let name = try words.word("shape")
    guard KVMShape.named(name) != nil else { throw words.mistake("no shape '\(name)'") }
    return name
  }

  private func pageSize(_ words: inout RecipeWords) throws(RecipeMistake) -> UInt64 {
    let size = try words.number("page size")
    guard [4096, 2 << 20, 1 << 30].contains(size) else { throw words.mistake("page size: 4K, 2M or 1G") }
    return size
  }
}
