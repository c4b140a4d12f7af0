import Testing

@testable import StreamCore

@Suite struct KernelTypesTests {
  @Test(
    arguments: [
      ("inner.before", 0, 8), ("inner.whole", 8, 8), ("inner.low", 8, 4), ("inner.high", 12, 4),
      ("inner.ends.prev", 16, 8), ("outer.first.high", 12, 4), ("outer.grid[1][2]", 60, 4), ("outer.grid[1]", 52, 12),
      ("outer.list.prev", 112, 8), ("outer.tail[3].high", 316, 4), ("outer.pointers[1]", 176, 8),
      ("vcpu.inner.high", 28, 4), ("outer.first", 0, 40), ("outer.tail", 184, 0),
    ] as [(String, Int, Int)])
  func `members are found through anonymous ones, arrays and modifiers`(path: String, offset: Int, size: Int) throws {
    let member = try SampleTypes().types(hasModule: path.hasPrefix("vcpu")).member(path)
    #expect(member.offset == offset && member.size == size)
    #expect(member.bitSize == nil)
  }

  @Test func `a member says what it is`() throws {
    let types = try SampleTypes().types()
    let grid = try types.member("outer.grid")
    #expect(grid.kind == .array && grid.count == 2 && grid.elementSize == 12)
    #expect(try types.member("outer.first").structure == "inner")
    let pointer = try types.member("outer.self")
    #expect(pointer.isPointer && pointer.pointee == "outer")
    #expect(try types.member("outer.anything").pointee == nil)
    #expect(try types.member("outer.minus").isSigned && types.member("outer.sign").isSigned)
    #expect(try !types.member("outer.byte").isSigned && !types.member("outer.color").isSigned)
    #expect(try types.member("outer.ratio").kind == .float)
    let level = try types.member("outer.level")
    #expect(level.offset == 64 && level.bitOffset == 3 && level.bitSize == 5 && level.isSigned && level.size == 1)
    let old = try types.member("old.b")
    #expect(old.offset == 0 && old.bitOffset == 3 && old.bitSize == 5 && old.isSigned)
    #expect(try types.size(of: "outer") == 184 && types.size(of: "u64_alias") == 8)
    #expect(types.has("outer.self->self->first.low") && !types.has("outer.none"))
  }

  @Test func `a module's types stand before vmlinux's`() throws {
    let types = try SampleTypes().types(hasModule: true)
    #expect(try SampleTypes().types().member("outer.first").offset == 0)
    #expect(try types.member("outer.first").offset == 8)
    #expect(try types.size(of: "outer") == 48 && types.size(of: "inner") == 40)
  }

  @Test func `leads find what the search finds, and false ones do no harm`() throws {
    let leads = [
      "inner": ["none.at_all", "vcpu.id", "vcpu.inner"], "vcpu": ["vcpus.one"],
      "vcpus": ["vcpu.inner", "inner.before"],
      "list_head": ["inner.ends"], "module": ["module.list"],
    ]
    let with = try SampleTypes().types(hasModule: true, leads: leads)
    let without = try SampleTypes().types(hasModule: true)
    for path in ["inner.high", "vcpu.inner.high", "vcpus.one", "list_head.prev", "module.name", "outer.first"] {
      #expect(try with.path(path) == without.path(path), "\(path)")
    }
    #expect(throws: TypeFault.noType("nothing")) { try with.size(of: "nothing") }
  }

  @Test(
    arguments: [
      ("", .badPath("")), ("outer", .badPath("outer")), ("outer.", .badPath("outer.")),
      ("outer.grid[", .badPath("outer.grid[")), ("outer.grid[-1]", .badPath("outer.grid[-1]")),
      ("outer.grid[99999999999999999999]", .badPath("outer.grid[99999999999999999999]")),
      ("outer first", .badPath("outer first")), ("nothing.a", .noType("nothing")),
      ("outer.none", .noMember(path: "outer.none", at: "none")),
      ("outer.byte.none", .noMember(path: "outer.byte.none", at: "none")),
      ("outer.self.first", .noMember(path: "outer.self.first", at: "first")),
      ("outer.level.a", .noMember(path: "outer.level.a", at: "a")),
      ("outer.self->first", .isPointer(path: "outer.self->first", at: "first")),
      ("outer.byte[0]", .notAnArray(path: "outer.byte[0]", at: "[0]")),
      ("outer.grid[2]", .outOfRange(path: "outer.grid[2]", at: "[2]", count: 2)),
      ("outer.tail[99999999]", .outOfRange(path: "outer.tail[99999999]", at: "[99999999]", count: 0)),
    ] as [(String, TypeFault)])
  func `what the types do not have is said`(path: String, fault: TypeFault) throws {
    let types = try SampleTypes().types()
    #expect(throws: fault) { try types.member(path) }
    #expect(!fault.description.contains("\n"))
  }

  @Test func `paths follow pointers as far as types say where to`() throws {
    let types = try SampleTypes().types()
    let path = try types.path("outer.self->pointers[1]->high")
    #expect(path.hops == [80, 176] && path.member.offset == 12)
    #expect(throws: TypeFault.noPointee(path: "outer.anything->a", at: "a")) { try types.path("outer.anything->a") }
    #expect(throws: TypeFault.noMember(path: "outer.call->a", at: "a")) { try types.path("outer.call->a") }
    #expect(throws: TypeFault.notAPointer(path: "outer.byte->a", at: "a")) { try types.path("outer.byte->a") }
  }

  @Test func `equal types of one name are one, different ones are none`() throws {
    var writer = BTFWriter()
    let byte = writer.int("char", size: 1)
    for offset in [0, 0, 4] as [UInt32] {
      _ = writer.structure("twice", size: 8, [("same", byte, 2), ("other", byte, offset)])
    }
    _ = writer.structure("twice", size: 8, [("only", byte, 3)])
    let types = KernelTypes(TypeTables(vmlinux: try BTF(writer.bytes)))
    #expect(try types.member("twice.same").offset == 2)
    #expect(try types.member("twice.only").offset == 3)
    #expect(throws: TypeFault.ambiguous("twice")) { try types.member("twice.other") }
  }

  @Test func `circles of types end`() throws {
    var writer = BTFWriter()
    writer.add(kind: 8, "a", third: 2)
    writer.add(kind: 10, third: 1)
    // A struct that contains itself without a name, twice; an array of itself.
    _ = writer.structure("knot", size: 8, [("", 3, 0), ("", 3, 0), ("member", 1, 0)])
    _ = writer.structure("chain", size: 8, [("endless", 5, 0)])
    _ = writer.array(of: 5, 2)
    _ = writer.structure("many", size: 8, (0..<2000).map { _ in ("", 7, 0) })
    _ = writer.structure("", size: 8, (0..<2000).map { _ in ("", 6, 0) })
    let types = KernelTypes(TypeTables(vmlinux: try BTF(writer.bytes)))
    #expect(throws: TypeFault.noSize("a")) { try types.size(of: "a") }
    #expect(throws: TypeFault.noSize("knot.member")) { try types.member("knot.member") }
    #expect(throws: (any Error).self) { try types.member("knot.none") }
    #expect(throws: TypeFault.noSize("chain.endless")) { try types.member("chain.endless") }
    #expect(throws: TypeFault.tooDeep("many.none")) { try types.member("many.none") }
  }
}
