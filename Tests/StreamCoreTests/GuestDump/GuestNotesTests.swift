import Foundation
import Testing

@testable import StreamCore

@Suite struct GuestNotesTests {
  @Test func whatIsUnknownIsZeroAndSizesAreQEMUs() throws {
    let notes = try WrittenDump.notes(in: GuestNotes(vcpus: [RegisterState()], vmcoreinfo: nil).bytes)
    #expect(notes.map(\.name) == ["CORE", "QEMU"])
    #expect(notes.map(\.type) == [1, 0])
    #expect(notes[0].descriptor.count == 336)
    #expect(notes[0].descriptor.enumerated().allSatisfy { $0.element == ($0.offset == 32 ? 1 : 0) })
    #expect(Array(notes[1].descriptor.prefix(8)) == [1, 0, 0, 0, 0xb8, 1, 0, 0])
    #expect(notes[1].descriptor.count == 440)
    #expect(notes[1].descriptor.dropFirst(8).allSatisfy { $0 == 0 })
  }

  @Test func theTextIsCopiedUnchangedAndFoundAgain() throws {
    let text = Array("OSRELEASE=1\nX=2".utf8) + [0, 0xff]
    let notes = GuestNotes(vcpus: [], vmcoreinfo: text)
    #expect(notes.bytes.count % 4 == 0)
    let range = try #require(notes.vmcoreinfo)
    #expect(Array(notes.bytes[range]) == text)
    #expect(try WrittenDump.notes(in: notes.bytes).map(\.descriptor) == [text])
  }

  @Test func segmentFlagsAreThoseThatKVMGivesQEMU() {
    func flags(_ rights: UInt32) -> UInt32 {
      GuestNotes.qemuFlags(Segment(selector: 0, base: 0, limit: 0xffff_ffff, accessRights: rights))
    }
    #expect(flags(0xa09b) == 0x00a0_9b00)
    #expect(flags(0xc093) == 0x00c0_9300)
    #expect(flags(0x8b) == 0x8b00)
    #expect(flags(0x1_0000) == 0)
    #expect(flags(0x1_0082) == 0x200)
    #expect(flags(0xffff_0fff & ~0x1_0000) == 0x00_ff00)
  }

  /// QEMU's own notes of real guests, decoded and built again: equal, byte for byte.
  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"] != nil),
    arguments: ["guest1", "guest2", "guest3"])
  func notesOfRealGuestsAreQEMUsOwn(guest: String) throws {
    let dumps = try #require(ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"])
    let bytes = try Self.noteSegment(of: "\(dumps)/haswell/truth/\(guest)/memory.elf")
    let descriptors = try WrittenDump.notes(in: bytes).filter { $0.name == "QEMU" }.map(\.descriptor)
    #expect(descriptors.count == (guest == "guest2" ? 2 : 1))
    #expect(GuestNotes(vcpus: descriptors.map(Self.registers), vmcoreinfo: nil).bytes == bytes)
  }

  private static func noteSegment(of path: String) throws -> [UInt8] {
    let file = try InputFile(path: path)
    let head = try file.read(at: 0, count: 4096)
    let table = Int(try #require(head.load(32, as: UInt64.self)))
    let type: UInt32 = try #require(head.load(table))
    #expect(type == 4)
    let offset: UInt64 = try #require(head.load(table + 8))
    let size: UInt64 = try #require(head.load(table + 32))
    return try file.read(at: offset, count: Int(size))
  }

  /// QEMUCPUState, version 1. Source: Documentation/elf.md §1.4.
  private static func registers(_ note: [UInt8]) -> RegisterState {
    var state = RegisterState()
    func quad(_ offset: Int) -> UInt64 { note.load(offset) ?? 0 }
    func dword(_ offset: Int) -> UInt32 { note.load(offset) ?? 0 }
    let places: [(Register, Int)] = [
      (.rax, 8), (.rbx, 16), (.rcx, 24), (.rdx, 32), (.rsi, 40), (.rdi, 48), (.rsp, 56), (.rbp, 64), (.r8, 72),
      (.r9, 80), (.r10, 88), (.r11, 96), (.r12, 104), (.r13, 112), (.r14, 120), (.r15, 128), (.rip, 136),
      (.rflags, 144), (.cr0, 392), (.cr2, 408), (.cr3, 416), (.cr4, 424), (.kernel_gs_base, 432),
    ]
    for (register, offset) in places { state.registers[register] = Sourced(quad(offset), .kvm) }
    let segments: [(SegmentRegister, Int)] = [
      (.cs, 152), (.ds, 176), (.es, 200), (.fs, 224), (.gs, 248), (.ss, 272), (.ldtr, 296), (.tr, 320),
    ]
    for (segment, offset) in segments {
      var rights = dword(offset + 8) >> 8
      // The VMCS keeps P beside "unusable"; KVM's view of it does not.
      if rights >> 7 & 1 == 0 { rights |= 1 << 16 | 1 << 7 }
      let value = Segment(
        selector: UInt16(truncatingIfNeeded: dword(offset)), base: quad(offset + 16), limit: dword(offset + 4),
        accessRights: rights)
      state.segments[segment] = Sourced(value, .vmcs)
    }
    state.gdtr = Sourced(DescriptorTable(base: quad(344 + 16), limit: dword(344 + 4)), .vmcs)
    state.idtr = Sourced(DescriptorTable(base: quad(368 + 16), limit: dword(368 + 4)), .vmcs)
    return state
  }
}
