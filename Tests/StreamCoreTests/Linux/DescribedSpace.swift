@testable import StreamCore

/// A small kernel that describes itself: kallsyms and types in its image; in the direct map the kernel's index of the
/// types, the lists of modules, and one module with types and symbols.
struct DescribedSpace {
  static let start: UInt64 = 0xffff_ffff_8140_0000
  static let object: UInt64 = 0xffff_ffff_8010_1000
  static let btfModules: UInt64 = 0xffff_ffff_8010_1010
  static let modules: UInt64 = 0xffff_ffff_8010_1020
  static let own: UInt64 = 0xffff_ffff_8100_0040
  static let directMap: UInt64 = 0xffff_8880_0000_0000
  /// Physical addresses: vmlinux's types, `struct btf` of vmlinux, its index, the node in `btf_modules`, the module's
  /// `struct btf`, its types, its `struct module`, its symbols and their names.
  static let types: UInt64 = 0x700_0000
  static let btf: UInt64 = 0x7a0_0000
  static let index: UInt64 = 0x7a1_0000
  static let entry: UInt64 = 0x7b0_0100
  static let moduleBTF: UInt64 = 0x7b0_0200
  static let moduleTypes: UInt64 = 0x7b1_0010
  static let module: UInt64 = 0x7b2_0000
  static let moduleSymbols: UInt64 = 0x7b3_0000

  static let sample = SampleTypes(fillers: 3000)
  let image: KallsymsImage
  var host: KVMTestHost
  private static let btfBytes = sample.vmlinux.bytes

  /// - Parameter without: symbols that the kernel lacks.
  init(without: Set<String> = []) throws {
    var symbols = KallsymsImage.symbols(40, .absolutePerCPU)
    let count = UInt64(Self.btfBytes.count)
    for (name, value) in [
      ("__start_BTF", Self.start), ("__stop_BTF", Self.start + count), ("btf_vmlinux", Self.object),
      ("btf_modules", Self.btfModules), ("modules", Self.modules), ("in_kernel", Self.own),
    ] where !without.contains(name) { symbols.append(.init(letter: "D", name: name, value: value)) }
    image = KallsymsImage(symbols, .absolutePerCPU, offset: 0, isOld: true)
    host = image.host()
    for page in 0...count >> 12 { host.map(Self.start + page << 12, to: Self.types + page << 12) }
    put(bytes: Self.btfBytes, at: Self.types)
    host.poke(Self.directMap + Self.btf, at: Self.object)
    put(words: [Self.start, Self.directMap + Self.index], at: Self.btf)
    let records = try BTF(Self.btfBytes).records
    host.memory.store(UInt64(records.count + 1), at: Self.btf + 72)
    for word in stride(from: 80, to: 240, by: 8) as StrideTo<UInt64> { host.memory.store(0, at: Self.btf + word) }
    put(words: [0] + records.map { Self.start + UInt64($0) }, at: Self.index)
    addModule()
  }

  private mutating func addModule() {
    let map = Self.directMap
    for list in [(Self.btfModules, Self.entry), (Self.modules, Self.module + 8)] {
      for (from, to) in [(list.0, map + list.1), (map + list.1, list.0)] {
        host.poke(to, at: from)
        host.poke(to, at: from + 8)
      }
    }
    put(words: [map + Self.module, map + Self.moduleBTF], at: Self.entry + 16)
    put(bytes: Array(repeating: 0, count: 32), at: Self.moduleBTF)
    host.memory.store(map + Self.moduleTypes, at: Self.moduleBTF)
    put(bytes: Array("sample".utf8), at: Self.moduleBTF + 152)
    put(bytes: Self.sample.module.bytes, at: Self.moduleTypes)
    put(bytes: Array("sample".utf8) + Array(repeating: 0, count: 50), at: Self.module + 24)
    host.memory.store(map + Self.module + 0x100, at: Self.module + 80)
    put(words: [map + Self.moduleSymbols, 2, map + Self.moduleSymbols + 0x100], at: Self.module + 0x100)
    put(words: [0, 0, 0, (1 as UInt64) | 5 << 48, 0xffff_ffff_c000_0040, 8], at: Self.moduleSymbols)
    put(bytes: Array("\0in_module\0".utf8), at: Self.moduleSymbols + 0x100)
  }

  mutating func put(words: [UInt64], at physical: UInt64) {
    for (number, word) in words.enumerated() { host.memory.store(word, at: physical + UInt64(number) * 8) }
  }

  /// The rest of the last quadword becomes 0.
  mutating func put(bytes: [UInt8], at physical: UInt64) {
    let bytes = bytes + Array(repeating: 0, count: 8)
    put(words: stride(from: 0, to: bytes.count - 7, by: 8).map { bytes.load($0) ?? 0 }, at: physical)
  }

  func described(leads: [String: [String]] = ["inner": ["vcpu.inner"]]) throws -> DescribedKernel {
    try DescribedKernel(host.kernel(), image.vmcoreinfo(), modules: ["sample"], leads: leads)
  }
}
