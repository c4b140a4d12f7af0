import Testing

@testable import StreamCore

/// Guests of real hosts without their slots, against the same by their slots: nothing but the firmware is missing.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealJoinedGuestTests {
  private func guests(_ host: String, _ file: String, isJoined: Bool) throws -> Inspection {
    let path = (KVMRealHost.folder ?? "") + "/\(host)/\(file)"
    var options = Inspection.Options(.page, workers: Workers(count: 2))
    options.isByContent = isJoined
    options.usesShapes = !isJoined
    return try Inspection.run(path: path, options)
  }

  @Test(arguments: ["haswell", "mini", "new7", "amd"], ["host.lzo.kdump", "vmcore.elf"])
  func `all but the firmware is there, on the same frames`(host: String, file: String) throws {
    let joined = try guests(host, file, isJoined: true)
    let whole = try guests(host, file, isJoined: false)
    #expect(joined.guests.count == 3)
    #expect(joined.findings.warnings.count { $0.code == .unknown_slots } == 3)
    #expect(!joined.findings.warnings.contains { $0.code == .map_differs }, "\(joined.findings.warnings)")
    for guest in joined.guests {
      let own = Set(guest.vcpus.compactMap(\.region))
      let truth = try #require(whole.guests.first { !own.isDisjoint(with: $0.vcpus.compactMap(\.region)) })
      let firmware = try #require(truth.slots?.first { $0.isReadOnly && $0.frames.contains(0xfffff) })
      var missing: [UInt64] = []
      truth.map.known.forEachRun { run in
        for frame in run {
          if guest.map.known.contains(frame) {
            #expect(guest.memory.hostFrame(frame) == truth.memory.hostFrame(frame), "\(frame)")
          } else {
            missing.append(frame)
          }
        }
      }
      #expect(guest.map.knownPages + UInt64(missing.count) == truth.map.knownPages, "none that the slots lack")
      #expect(missing.count { firmware.frames.contains($0) } == 64)
      // The last that EPT of mini's guests has of the RAM below 4 GiB is 30 pages before its end; nobody wrote them.
      let rest = missing.filter { !firmware.frames.contains($0) }
      #expect(rest == (host == "mini" ? Array(10210..<10240) : []))
    }
  }

  /// Page tables are the kernel's: a filter of user memory leaves them, and the huge zero page, which nothing here names.
  @Test func `without user memory the pages are known as well`() throws {
    let whole = try guests("haswell", "host.lzo.kdump", isJoined: true)
    let filtered = try guests("haswell", "host-d31.lzo.kdump", isJoined: true)
    #expect(whole.guests.map(\.map.knownPages) == filtered.guests.map(\.map.knownPages))
    for guest in filtered.guests {
      #expect(guest.map.presentPages + (guest.map.absent[.filtered] ?? 0) == guest.map.knownPages)
      var held: Set<UInt64> = []
      guest.map.present.forEachRun { run in held.formUnion(run.compactMap(guest.memory.hostFrame)) }
      #expect(held.count == 512 && held.allSatisfy { filtered.memory.page($0).page?.isZero == true })
    }
  }
}
