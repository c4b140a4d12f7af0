import Testing

@testable import StreamCore

@Suite struct KernelReaderTests {
  private static let object = KernelSpace.address(0x100)

  /// One `outer` of vmlinux's, and what its pointers lead to.
  private func space() -> KernelSpace {
    var space = KernelSpace()
    space.store(0x1_0000_00aa, at: 0x100 + 8)
    space.store(Array("sixteen letters!more".utf8), at: 0x100 + 24)
    // flags 3 bits, level 5 bits; spread: 64 bits from bit 4 of byte 65 on.
    space.store([0b10110_101, 0xf0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08], at: 0x100 + 64)
    space.store(KernelSpace.address(0x800).rawValue, at: 0x100 + 80)
    space.store(0xffff_fffe_ffff_fffe, at: 0x100 + 128)
    space.store(0xffff_ff80_0000_00ff, at: 0x100 + 144)
    space.store(KernelSpace.address(0x900).rawValue, at: 0x100 + 168)
    space.store(0, at: 0x100 + 176)
    space.store(0x77, at: 0x800 + 40)
    return space
  }

  @Test func `integers of each size, signed ones, bit-fields and pointers are read`() throws {
    let reader = try space().reader(SampleTypes().types())
    func value(_ path: String) throws -> UInt64 { try reader.value(path, at: Self.object) }
    #expect(try value("outer.first.low") == 0xaa && value("outer.first.high") == 1)
    #expect(try value("outer.first.whole") == 0x1_0000_00aa)
    #expect(try value("outer.byte") == 0xff)
    #expect(try value("outer.minus") == 0 &- 128)
    #expect(try value("outer.color") == 0xffff_fffe && value("outer.sign") == 0 &- 2)
    #expect(try value("outer.flags") == 5 && value("outer.level") == 0 &- 10)
    #expect(try value("outer.spread") == 0x8776_6554_4332_211f)
    #expect(try value("outer.self->grid[0][0]") == 0x77)
    #expect(try reader.pointer("outer.self", at: Self.object) == KernelSpace.address(0x800))
    #expect(try reader.text("outer.first.text", at: Self.object) == "sixteen letters!")
    #expect(try reader.bytes("outer.byte", at: Self.object) == [0xff])
    let pointers = try reader.elements(reader.types.path("outer.pointers"), at: Self.object)
    #expect(pointers.values == [KernelSpace.address(0x900).rawValue, 0] && pointers.fault == nil)
  }

  @Test func `what cannot be read is said`() throws {
    var space = space()
    space.store(0xffff_8880_0000_0000 &+ 0x900_0000, at: 0x100 + 168)
    let reader = try space.reader(SampleTypes().types())
    func fault(_ path: String, _ at: VirtualAddress = Self.object) throws -> KernelFault? {
      do throws(KernelFault) { _ = try reader.value(path, at: at) } catch { return error }
      return nil
    }
    #expect(try fault("outer.none") == .type(.noMember(path: "outer.none", at: "none")))
    for path in ["outer.first", "outer.grid", "outer.ratio", "outer.wide"] {
      #expect(try fault(path) == .type(.notAnInteger(path: path)))
    }
    let absent = VirtualAddress(rawValue: 0xffff_8880_0900_0000)
    #expect(try fault("outer.pointers[0]->before") == .read(.absent(absent)))
    #expect(try fault("outer.pointers[1]->before") == .read(.noAddress(VirtualAddress(rawValue: 0))))
    let nothing = VirtualAddress(rawValue: 0xffff_c900_4444_0000)
    #expect(try fault("outer.byte", nothing) == .read(.unmapped(nothing &+ 144)))
    #expect(try fault("outer.byte", VirtualAddress(rawValue: .max)) == .read(.noAddress(VirtualAddress(rawValue: 143))))
    #expect(throws: KernelFault.type(.notText(path: "outer.byte"))) { try reader.text("outer.byte", at: Self.object) }
  }
}
