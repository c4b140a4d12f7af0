import HostModel
import Testing

@testable import StreamCore

@Suite struct KernelSymbolsTests {
  typealias Form = KallsymsImage.Form

  /// No such key.
  private static let none = UInt64?.none

  private static func image(_ form: Form = .absolutePerCPU, count: Int = 300, offset: Int = 0xe00) -> KallsymsImage {
    KallsymsImage(KallsymsImage.symbols(count, form), form, offset: offset, isOld: form == .absolutePerCPU)
  }

  private static func tells(_ symbols: KernelSymbols, _ image: KallsymsImage) -> Bool {
    let found = symbols.values(of: Set(image.symbols.map(\.name)).union(["no_such_symbol", "vm_exi", "vm_exit2", ""]))
    var truth: [String: [SymbolValue]] = [:]
    for symbol in image.symbols {
      let isPerCPU = symbol.value < 1 << 31 || (0xffff_ffff_8180_0000..<0xffff_ffff_8180_2000).contains(symbol.value)
      truth[symbol.name, default: []].append(
        isPerCPU ? .perCPU(symbol.value) : .address(VirtualAddress(rawValue: symbol.value)))
    }
    return found == truth && symbols.count == image.symbols.count
  }

  @Test(arguments: Form.allCases, [0, 0xe00, 0xff4, 0x1ffc])
  func `each form of the tables is read, by keys and by content, wherever pages end`(form: Form, offset: Int) throws {
    for isOld in [false, true] where form != .toEntry || !isOld {
      let image = KallsymsImage(KallsymsImage.symbols(300, form), form, offset: offset, isOld: isOld)
      let kernel = try image.host().kernel()
      let byKeys = try KernelSymbols(of: kernel, vmcoreinfo: image.vmcoreinfo())
      #expect(Self.tells(byKeys, image))
      let byContent = try KernelSymbols(searching: kernel, vmcoreinfo: image.vmcoreinfo(keys: false))
      #expect(Self.tells(byContent, image))
      #expect(byKeys.way == .keys && byContent.way == .content)
      #expect(byKeys.form == byContent.form)
    }
  }

  @Test func `several workers find an index that begins in the pages of one and ends in those of the next`() throws {
    let symbols = KallsymsImage.symbols(300, .relative)
    let place = KallsymsImage(symbols, .relative, offset: 0, isOld: false).places["kallsyms_token_index"]
    let before = Int(try #require(place) - KallsymsImage.base)
    // A part has 256 pages, and may begin a page before the tables' own.
    for end in [0xff000, 0x100000] {
      for part in [8, 256, 504] {
        let image = KallsymsImage(symbols, .relative, offset: end - before - part, isOld: false)
        let byContent = try KernelSymbols(
          searching: try image.host().kernel(), vmcoreinfo: image.vmcoreinfo(keys: false),
          workers: Workers(count: 3))
        #expect(Self.tells(byContent, image), "\(part) bytes before \(end)")
      }
    }
  }

  @Test func `few names are found as many are, and only those with one address have it`() throws {
    let image = Self.image()
    let symbols = try KernelSymbols(of: image.host().kernel(), vmcoreinfo: image.vmcoreinfo())
    let names: Set<String> = ["vm_exit", "twice", "current_vmcs", "x19", "_stext", "nothing", "long"]
    #expect(
      symbols.addresses(of: names).mapValues(\.rawValue)
        == [
          "vm_exit": 0xffff_ffff_8100_0010, "_stext": 0xffff_ffff_8100_0000,
          "x19": image.symbols.first { $0.name == "x19" }?.value,
        ].compactMapValues { $0 })
    #expect(symbols.values(of: ["twice"])["twice"]?.count == 2)
    let expecting = try KernelSymbols(of: image.host().kernel(), vmcoreinfo: image.vmcoreinfo(), expecting: names)
    #expect(expecting.values(of: names) == symbols.values(of: names))
    #expect(expecting.values(of: ["vm_exit"]) == symbols.values(of: ["vm_exit"]))
    #expect(expecting.values(of: ["vm_exit", "x20"]) == symbols.values(of: ["vm_exit", "x20"]))
    #expect(symbols.values(of: ["current_vmcs"]) == ["current_vmcs": [.perCPU(0x1038)]])
    for symbol in image.symbols { #expect(symbols.values(of: [symbol.name])[symbol.name] != nil, "\(symbol.name)") }
  }

  @Test func `what is missing is told by its place`() throws {
    let image = Self.image(count: 700)
    let kernel = try image.host().kernel()
    func fault(_ changes: [String: UInt64?], _ kernel: LinuxKernel) throws -> KernelSymbolsFault? {
      let info = try image.vmcoreinfo(changes)
      do throws(KernelSymbolsFault) { _ = try KernelSymbols(of: kernel, vmcoreinfo: info) } catch { return error }
      return nil
    }
    for name in ["num_syms", "names", "token_table", "token_index", "offsets"].map({ "kallsyms_\($0)" }) {
      #expect(try fault([name: Self.none], kernel) == .noKey("SYMBOL(\(name))"))
      let nowhere: UInt64 = 0xffff_ffff_9000_0000
      #expect(
        try fault([name: nowhere], kernel)
          == .unreadable(table: name, .unmapped(VirtualAddress(rawValue: nowhere))))
    }
    #expect(try fault(["_stext": 0xffff_ffff_8100_0008], kernel) == .unproven(agreeing: 2, of: 3))
    #expect(
      try fault(["_stext": Self.none, "init_uts_ns": Self.none], kernel) == .unproven(agreeing: 1, of: 1))
    // A table of addresses that is said to be of another form.
    #expect(try fault(["kallsyms_relative_base": Self.none], kernel) == .unproven(agreeing: 0, of: 3))
    let names = try #require(image.places["kallsyms_names"])
    let page = Int(names - KallsymsImage.base) >> 12 + 1
    let lost = VirtualAddress(rawValue: KallsymsImage.base + UInt64(page) << 12)
    let torn = try image.host(without: [page]).kernel()
    #expect(try fault([:], torn) == .unreadable(table: "kallsyms_names", .absent(lost)))
    let info = try image.vmcoreinfo(keys: false)
    #expect(throws: KernelSymbolsFault.self) { try KernelSymbols(searching: torn, vmcoreinfo: info) }
  }

  @Test func `hostile counts and tables are refused`() throws {
    let image = Self.image()
    func fault(_ changes: [Int: UInt8]) throws -> KernelSymbolsFault? {
      let kernel = try image.host(changes).kernel()
      let info = try image.vmcoreinfo()
      do throws(KernelSymbolsFault) { _ = try KernelSymbols(of: kernel, vmcoreinfo: info) } catch { return error }
      return nil
    }
    func place(_ name: String) throws -> Int { Int(try #require(image.places[name]) - KallsymsImage.base) }
    let count = try place("kallsyms_num_syms")
    let address = VirtualAddress(rawValue: KallsymsImage.base + UInt64(count))
    #expect(
      try fault([count: 255, count + 1: 255, count + 2: 255, count + 3: 255]) == .count(0xffff_ffff, at: address))
    #expect(try fault([count: 0, count + 1: 0]) == .count(0, at: address))
    // 4 M symbols: the names end before.
    #expect(try fault([count: 0, count + 1: 0, count + 2: 0x40]) != nil)
    let index = try place("kallsyms_token_index")
    let tokens = KernelSymbolsFault.tokens(at: VirtualAddress(rawValue: KallsymsImage.base + UInt64(index)))
    #expect(try fault([index: 1]) == tokens)
    #expect(try fault([index + 3: 0xff]) == tokens)
    #expect(try fault([try place("kallsyms_token_table"): 65]) == tokens)
    let names = try place("kallsyms_names")
    let first = VirtualAddress(rawValue: KallsymsImage.base + UInt64(names))
    #expect(try fault([names: 0]) == .name(0, at: first))
    #expect(try fault([names: 0xff, names + 1: 0xff]) == .name(0, at: first))
  }

  @Test func `no mutation traps or hangs, and what is taken for tables is proven`() throws {
    var random = SplitMix64(seed: 12)
    let images = Form.allCases.map { Self.image($0, count: 40, offset: 0xa40) }
    let hosts = images.map { $0.host() }
    for round in 0..<2000 {
      let image = images[round % 4]
      var changes: [Int: UInt8] = [:]
      let tables = image.places.values.map { Int($0 - KallsymsImage.base) }.sorted()
      for _ in 0...random.below(6) {
        // Near a table's start, or anywhere.
        let near = tables[Int(random.below(UInt64(tables.count)))] + Int(random.below(24))
        let place = random.below(2) == 0 ? near : Int(random.below(UInt64(image.bytes.count)))
        changes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      let isCut = random.below(8) == 0
      var host = hosts[round % 4]
      image.change(changes, without: isCut ? [Int(random.below(2))] : [], in: &host)
      let kernel = try host.kernel()
      let infos = [try image.vmcoreinfo(), try image.vmcoreinfo(keys: false)]
      for (number, info) in infos.enumerated() where number == 0 || round % 32 < 4 {
        let byKeys = number == 0 ? try? KernelSymbols(of: kernel, vmcoreinfo: info) : nil
        let byContent = number == 1 ? try? KernelSymbols(searching: kernel, vmcoreinfo: info) : nil
        guard let symbols = byKeys ?? byContent else { continue }
        _ = symbols.values(of: Set(image.symbols.map(\.name)))
        let proofs = symbols.values(of: Set(KallsymsImage.known))
        for (name, values) in proofs {
          #expect(
            values.contains { $0 == info.symbol(name).map { .address($0) } }, "round \(round), \(name): \(values)")
        }
        #expect(proofs.count >= 2)
      }
    }
  }
}
