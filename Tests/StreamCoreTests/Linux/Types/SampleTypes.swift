@testable import StreamCore

/// Types of a small kernel and of a module of it: every kind, and each way in which a member can be nested.
struct SampleTypes {
  var vmlinux = BTFWriter()
  var module: BTFWriter

  /// - Parameter fillers: structs that nobody asks for, to make the types take many pages.
  init(fillers: Int = 0) {
    var w = BTFWriter()
    let u8 = w.int("unsigned char", size: 1)
    let char = w.int("char", size: 1, signed: true)
    let u32 = w.int("unsigned int", size: 4)
    let s32 = w.int("int", size: 4, signed: true)
    let u64 = w.int("unsigned long", size: 8)
    let wide = w.int("__int128", size: 16, signed: true)
    let alias = w.add(kind: 8, "u64_alias", third: u64)
    let constant = w.add(kind: 10, third: w.add(kind: 9, third: w.add(kind: 18, "tag", third: alias)))
    let restricted = w.add(kind: 11, third: w.pointer(to: 0))
    let list = w.add(kind: 7, "list_head")
    let listPointer = w.pointer(to: list)
    let head = w.structure("list_head", size: 16, [("next", listPointer, 0), ("prev", listPointer, 8)])
    let real = w.add(kind: 16, "double", third: 8)
    let color = w.add(
      kind: 6, "color", count: 2, third: 4, [w.string("RED"), 7, w.string("BLUE"), 0xffff_fffe])
    let sign = w.add(kind: 6, "sign", count: 1, flag: true, third: 4, [w.string("MINUS"), 0xffff_fffe])
    let big = w.add(kind: 19, "big", count: 1, third: 8, [w.string("HUGE_ONE"), 5, 1])
    let prototype = w.add(kind: 13, count: 1, third: s32, [w.string("argument"), u64])
    w.add(kind: 12, "inner", third: prototype)
    let variable = w.add(kind: 14, "variable", third: u64, [1])
    w.add(kind: 15, ".data..percpu", count: 1, third: 8, [variable, 0, 8])
    let grid = w.array(of: w.array(of: u32, 3), 2)
    // An anonymous union that holds an anonymous struct.
    let deep = w.structure("", size: 16, [("low", u32, 0), ("high", u32, 4), ("ends", head, 0)])
    let either = w.structure("", size: 16, union: true, [("whole", u64, 0, 0), ("", deep, 0, 0)])
    let inner = w.structure(
      "inner", size: 40, [("before", constant, 0), ("", either, 8), ("text", w.array(of: char, 16), 24)])
    w.add(kind: 17, "declaration", third: inner, [0])
    let self_ = w.add(kind: 7, "outer")
    let members: [BTFWriter.Member] = [
      ("first", inner, 0, 0), ("grid", grid, 40 * 8, 0), ("flags", u32, 64 * 8, 3), ("level", s32, 64 * 8 + 3, 5),
      ("spread", u64, 65 * 8 + 4, 64), ("self", w.pointer(to: self_), 80 * 8, 0),
      ("anything", restricted, 88 * 8, 0), ("call", w.pointer(to: prototype), 96 * 8, 0),
      ("list", head, 104 * 8, 0), ("ratio", real, 120 * 8, 0), ("color", color, 128 * 8, 0),
      ("sign", sign, 132 * 8, 0), ("big", big, 136 * 8, 0), ("byte", u8, 144 * 8, 0), ("minus", s32, 148 * 8, 0),
      ("wide", wide, 152 * 8, 0), ("pointers", w.array(of: w.pointer(to: inner), 2), 168 * 8, 0),
      ("tail", w.array(of: inner, 0), 184 * 8, 0),
    ]
    _ = w.structure("outer", size: 184, bitFields: true, members)
    // Bit-fields of older kernels: the integer says where it lies.
    _ = w.structure(
      "old", size: 4,
      [
        ("a", w.int("unsigned int", size: 4, bits: 3), 0),
        ("b", w.int("int", size: 4, signed: true, bits: 5, at: 3), 0),
      ])
    let entry = w.pointer(to: 0)
    let tables = w.structure(
      "mod_kallsyms", size: 32, [("symtab", entry, 0), ("num_symtab", u32, 8), ("strtab", entry, 16)])
    _ = w.structure(
      "module", size: 128,
      [
        ("state", u32, 0), ("list", head, 8), ("name", w.array(of: char, 56), 24),
        ("kallsyms", w.pointer(to: tables), 80),
      ])
    let btf = w.structure(
      "btf", size: 128,
      [("data", entry, 0), ("data_size", u32, 8), ("start_id", u32, 16), ("name", w.array(of: char, 56), 24)])
    _ = w.structure(
      "btf_module", size: 32, [("list", head, 0), ("module", entry, 16), ("btf", w.pointer(to: btf), 24)])
    for number in 0..<fillers { _ = w.structure("filler_\(number)", size: 8, [("filler_\(number)_member", u64, 0)]) }
    vmlinux = w
    module = BTFWriter(behind: w)
    // The module has an `outer` of its own, and members of vmlinux's types.
    _ = module.structure("outer", size: 48, [("number", u32, 0), ("first", inner, 8)])
    let vcpu = module.structure("vcpu", size: 64, [("id", u32, 0), ("task", entry, 8), ("inner", inner, 16)])
    _ = module.structure("vcpus", size: 8, [("one", module.pointer(to: vcpu), 0)])
  }

  /// - Parameter hasModule: whether the module's types are there, which stand before vmlinux's.
  func types(hasModule: Bool = false, leads: [String: [String]] = [:]) throws -> KernelTypes {
    let base = try BTF(vmlinux.bytes)
    guard hasModule else { return KernelTypes(TypeTables(vmlinux: base, leads: leads)) }
    let split = try BTF(module.bytes, base: base.end)
    return KernelTypes(TypeTables(vmlinux: base, modules: [("sample", split)], leads: leads))
  }
}
