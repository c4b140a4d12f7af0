import Testing

@testable import StreamCore

@Suite struct BTFTests {
  private func types(_ blob: inout BTF, _ names: Set<String>) throws -> [String: [UInt32]] {
    try blob.types(named: blob.strings(named: names))
  }

  @Test func `every kind has its place, and ids of a module go on behind the base's`() throws {
    let sample = SampleTypes()
    var base = try BTF(sample.vmlinux.bytes)
    var split = try BTF(sample.module.bytes, base: base.end)
    #expect(base.end.endID == sample.vmlinux.nextID)
    #expect(split.firstID == base.end.endID && split.end.endID == sample.module.nextID)
    var kinds: Set<BTFKind> = []
    for id in 1..<base.end.endID { kinds.insert(try #require(try base.record(id)).record.kind) }
    #expect(kinds.count == 19)
    for id in [0, base.end.endID, .max] { #expect(try base.record(id) == nil) }
    for id in [0, 1, split.end.endID] { #expect(try split.record(id) == nil) }
    var tables = TypeTables(vmlinux: base, modules: [("sample", split)])
    #expect(tables.other(1, of: TypeID(blob: 1, id: split.firstID)) == TypeID(blob: 0, id: 1))
    #expect(try tables.name(of: TypeID(blob: 1, id: split.firstID)) == "outer")
  }

  @Test func `names are found in one pass, declarations and functions of the name are not`() throws {
    let sample = SampleTypes()
    var base = try BTF(sample.vmlinux.bytes)
    let found = try types(
      &base, ["inner", "outer", "list_head", "int", "double", "big", "variable", "none", "u64_alias"])
    #expect(found["inner"]?.count == 1 && found["outer"]?.count == 1 && found["list_head"]?.count == 1)
    #expect(found["int"]?.count == 2)
    #expect(found["variable"] == nil && found["none"] == nil)
    #expect(found["u64_alias"]?.count == 1 && found["double"]?.count == 1 && found["big"]?.count == 1)
    // `outer` is a string of the base.
    var split = try BTF(sample.module.bytes, base: base.end)
    #expect(try types(&split, ["outer", "vcpu", "inner"]).mapValues(\.count) == ["vcpu": 1])
    let both = try base.strings(named: ["outer"]).merging(split.strings(named: ["vcpu"])) { first, _ in first }
    #expect(try split.types(named: both).mapValues(\.count) == ["outer": 1, "vcpu": 1])
  }

  @Test func `short names and beginnings of names are not taken for each other`() throws {
    var writer = BTFWriter()
    for name in ["a", "ab", "abc", "abcd", "abcde"] { _ = writer.int(name, size: 1) }
    var btf = try BTF(writer.bytes)
    #expect(try types(&btf, ["a"]) == ["a": [1]])
    #expect(try types(&btf, ["ab", "abcd"]) == ["ab": [2], "abcd": [4]])
    #expect(try types(&btf, ["abcdef", ""]).isEmpty)
  }

  @Test func `enumerators have their values, signed, unsigned and of 64 bits`() throws {
    let types = try SampleTypes().types()
    #expect(try types.enumerator("RED") == 7)
    #expect(try types.enumerator("BLUE") == 0xffff_fffe)
    #expect(try types.enumerator("MINUS") == -2)
    #expect(try types.enumerator("HUGE_ONE") == 1 << 32 | 5)
    #expect(throws: TypeFault.noEnumerator("GREEN")) { try types.enumerator("GREEN") }
  }

  @Test func `damaged blobs are refused, each by what is wrong`() throws {
    let good = SampleTypes().vmlinux.bytes
    func changed(_ place: Int, _ value: UInt32) -> [UInt8] {
      var bytes = good
      bytes.store(value, at: place)
      return bytes
    }
    #expect(throws: BTFFault.noMagic) { try BTF([]) }
    #expect(throws: BTFFault.noMagic) { try BTF(changed(0, 0x0001_9feb)) }
    #expect(throws: BTFFault.cut(what: "header")) { try BTF(Array(good[..<20])) }
    #expect(throws: BTFFault.version(2)) { try BTF(changed(0, 0x0002_eb9f)) }
    #expect(throws: BTFFault.cut(what: "header")) { try BTF(changed(4, 0xffff_fffc)) }
    #expect(throws: BTFFault.cut(what: "types")) { try BTF(changed(8, 0xffff_fffc)) }
    #expect(throws: BTFFault.cut(what: "types")) { try BTF(changed(8, 1)) }
    #expect(throws: BTFFault.cut(what: "types")) { try BTF(changed(12, 0xffff_ffff)) }
    #expect(throws: BTFFault.cut(what: "strings")) { try BTF(changed(16, 0xffff_ffff)) }
    #expect(throws: BTFFault.cut(what: "strings")) { try BTF(Array(good.dropLast())) }
    #expect(throws: BTFFault.badStrings) { try BTF(changed(20, 0)) }
    #expect(throws: BTFFault.unknownKind(id: 1, info: 0)) { try BTF(changed(28, 0)) }
    #expect(throws: BTFFault.unknownKind(id: 1, info: 20 << 24)) { try BTF(changed(28, 20 << 24)) }
    #expect(throws: BTFFault.cutRecord(id: 1)) { try BTF(changed(28, 4 << 24 | 0xffff)) }
  }

  @Test func `a module's types on another base are refused`() throws {
    let sample = SampleTypes()
    var other = BTFWriter()
    _ = other.int("some other kernel's", size: 4)
    let base = try BTF(other.bytes)
    #expect(throws: BTFFault.otherBase(id: base.end.endID)) { try BTF(sample.module.bytes, base: base.end) }
  }
}
