import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Dumps whose tail is missing, or whose descriptors are damaged: `list` counts what can be had, as `split` does, and
/// nothing found is not nothing there (Documentation/design.md §1, §6).
@Suite struct CutDumpTests {
  private static let plain = """
    host ram 32M seed 31
    guest a ram 0-2M nolinux
      untouched 0-512K
    guest b ram 0-1M+64K backing 4K shuffled nolinux
      untouched 0-512K
    """
  private static let described = """
    host ram 24M kernel 6.1 symbols types seed 32
    guest a ram 0-2M nolinux
    guest b ram 0-1M+64K backing 4K shuffled nolinux
      untouched 0-512K
    """

  /// A host's kdump with the bytes of its guests' pages last, so that a cut takes those and leaves the kernel, and how
  /// many bytes these are.
  private func guestsLast(_ recipe: String) throws -> (bytes: [UInt8], tail: Int) {
    let host = try HostRecipe(recipe).build()
    var tail = 0
    let bytes = RecipeKdump(codec: .lzo).bytes(of: host) { bytes, places in
      let start = bytes.count
      for guest in host.guests {
        for frame in guest.ranges.joined().compactMap(guest.backing.frame) {
          guard let at = places.descriptor(frame).map({ Int($0) }) else { continue }
          let (offset, size) = (Int(RecipeReaders.le(bytes, at, 8)), Int(RecipeReaders.le(bytes, at + 8, 4)))
          bytes.replaceSubrange(at..<at + 8, with: RecipeFile.le64(UInt64(bytes.count)))
          bytes += bytes[offset..<offset + size]
        }
      }
      tail = bytes.count - start
    }
    return (bytes, tail)
  }

  /// The guests' figures, by their lowest VMCS.
  private func figures(_ manifest: Manifest) -> [UInt64: [String: UInt64]] {
    var figures: [UInt64: [String: UInt64]] = [:]
    for guest in manifest.guests {
      var own = guest.pages.absent.filter { $0.value > 0 }
      own["known"] = guest.pages.known
      own["bad"] = guest.badPages.count
      own["runs"] = guest.badPages.runs.reduce(0) { $0 + $1.count }
      figures[guest.vcpus.compactMap { $0.vmcs?.value }.min() ?? 0] = own
    }
    return figures
  }

  /// What `list` and `split` say of a dump; `split` nothing where no guest has a page.
  private func run(_ bytes: [UInt8]) throws -> (list: Manifest, split: Manifest?) {
    let directory = try RecipeDirectory()
    let path = try directory.write(bytes, as: "host.dump")
    let workers = Workers(count: 2)
    let list = try Inspection.run(path: path, .init(.list, workers: workers)).manifest()
    try ManifestSchema.expect(list)
    let split = Split(
      inspection: try Inspection.run(path: path, .init(.split, workers: workers)),
      directory: directory.path.appending(path: "out").path, format: guestDumpFormats[0], codec: nil)
    do {
      return (list, try split.run(workers, Progress.none))
    } catch let failure as Failure {
      #expect("\(failure)".contains("nothingStored"), "\(failure)")
      return (list, nil)
    }
  }

  /// The failure of a list of these bytes.
  private func failure(_ bytes: [UInt8]) throws -> Failure? {
    let directory = try RecipeDirectory()
    let path = try directory.write(bytes, as: "host.dump")
    do {
      _ = try Inspection.run(path: path, .init(.list, workers: Workers(count: 2)))
      return nil
    } catch let failure as Failure {
      return failure
    }
  }

  /// - Returns: guests with a figure of loss, of all the runs.
  private func expectAgreement(_ bytes: [UInt8], _ what: String) throws -> Int {
    let (list, split) = try run(bytes)
    guard let split else {
      #expect(list.guests.allSatisfy { $0.checked == "descriptors" })
      return 0
    }
    #expect(figures(list) == figures(split), "\(what)")
    #expect(list.guests.map(\.badPages.count) == split.guests.map(\.badPages.count), "\(what)")
    return figures(list).values.count { $0["bad"] != 0 || $0["lost"] != nil }
  }

  @Test(arguments: [plain, described])
  func listAndSplitAgreeWhereverADumpIsCut(recipe: String) throws {
    let (bytes, tail) = try guestsLast(recipe)
    var losses = 0
    for part in 0...8 {
      losses += try expectAgreement(Array(bytes.dropLast(tail * part / 8)), "cut by \(part)/8")
    }
    #expect(losses > 8)
    let list = try run(Array(bytes.dropLast(tail))).list
    #expect(list.guests.count == 2 && list.guests.allSatisfy { $0.badPages.count == $0.pages.known })
  }

  /// A descriptor of each kind of damage, in a dump that else is whole.
  @Test(arguments: [plain, described])
  func listAndSplitAgreeOnDamagedDescriptors(recipe: String) throws {
    let host = try HostRecipe(recipe).build()
    let frames = host.guests.flatMap { guest in
      guest.ranges.joined().filter { guest.status($0) == .mapped }.prefix(40).compactMap { guest.backing.frame($0) }
    }
    let bytes = RecipeKdump(codec: .lzo).bytes(of: host) { bytes, places in
      for (index, frame) in frames.enumerated() {
        guard let at = places.descriptor(frame).map({ Int($0) }) else { continue }
        switch index % 4 {
        case 0: bytes.replaceSubrange(at..<at + 24, with: repeatElement(0, count: 24))
        case 1: bytes.replaceSubrange(at..<at + 8, with: RecipeFile.le64(1 << 40))
        case 2: bytes.replaceSubrange(at + 12..<at + 16, with: RecipeFile.le32(0x40))
        default: break
        }
      }
    }
    #expect(try expectAgreement(bytes, "descriptors") == 2)
    let list = try run(bytes).list
    #expect(list.guests.allSatisfy { $0.badPages.count == 20 && $0.pages.absent["lost"] == 10 })
    #expect(list.exitStatus == .incomplete)
    #expect(!list.warnings.contains { $0.code == .incomplete }, "damaged descriptors are no cut")
  }

  /// Where a look at every place would cost more than the rest, the bitmaps are believed, and the list says so; a dump
  /// that is known to lack something is looked through all the same.
  @Test func whatIsNotLookedUpIsSaid() throws {
    let whole = try guestsLast(Self.described).bytes
    for (bytes, checked) in [(whole, "bitmaps"), (Array(whole.dropLast(5000)), "descriptors")] {
      let directory = try RecipeDirectory()
      var options = Inspection.Options(.list, workers: Workers(count: 1))
      options.placeLimit = 100
      let list = try Inspection.run(path: directory.write(bytes, as: "host.dump"), options).manifest()
      #expect(list.discovery?.way == "kernel" && list.guests.map(\.checked) == [checked, checked])
    }
  }

  @Test func theCutIsSaidWithBothPlaces() throws {
    let whole = try guestsLast(Self.plain).bytes
    let cut = try run(Array(whole.dropLast(5000))).list
    let text = "the file is cut: it ends at byte \(whole.count - 5000), its pages go on to byte \(whole.count)"
    #expect(cut.warnings.contains { $0.code == .incomplete && $0.text.hasSuffix(text) }, "\(cut.warnings)")
  }

  /// Of a host without guests, and of one whose guests were in the missing tail.
  @Test func nothingFoundIsNotNothingThere() throws {
    let empty = try HostRecipe("host ram 16M seed 33").build()
    let whole = empty.kdump(.lzo)
    #expect(try failure(whole)?.exitStatus(signal: 2) == .noGuest)
    #expect(try failure(empty.elf())?.exitStatus(signal: 2) == .noGuest)
    for bytes in [Array(whole.dropLast(3000)), Array(empty.elf().dropLast(5000))] {
      let failure = try #require(try failure(bytes))
      #expect(failure.exitStatus(signal: 2) == .unusableInput)
      #expect("\(failure)".contains("the file is cut: it ends at byte \(bytes.count)"), "\(failure)")
    }
    var marked = whole
    marked[424] |= 8
    let failure = try #require(try failure(marked))
    #expect(failure.exitStatus(signal: 2) == .unusableInput && "\(failure)".contains("marked incomplete"))
  }

  @Test func aDamagedPageCouldHaveBeenASign() throws {
    let empty = try HostRecipe("host ram 16M seed 33").build()
    let bytes = RecipeKdump(codec: .lzo).bytes(of: empty) { bytes, places in
      guard let frame = places.frames.last, let at = places.descriptor(frame).map({ Int($0) }) else { return }
      bytes.replaceSubrange(at + 12..<at + 16, with: RecipeFile.le32(0x40))
    }
    let failure = try #require(try failure(bytes))
    #expect(failure.exitStatus(signal: 2) == .unusableInput)
    #expect("\(failure)".contains("1 of its pages cannot be read"), "\(failure)")
  }

  /// What was noticed at opening comes with whatever ends the run.
  @Test func theCauseIsSaidWithEveryError() throws {
    let whole = try guestsLast(Self.plain).bytes
    let directory = try RecipeDirectory()
    let path = try directory.write(Array(whole.dropLast(5000)), as: "host.dump")
    let workers = Workers(count: 1)
    let inspection = try Inspection.run(path: path, .init(.split, workers: workers))
    let split = Split(
      inspection: inspection, directory: directory.path.appending(path: "out").path, guests: ["none"],
      format: guestDumpFormats[0], codec: nil)
    let failure = #expect(throws: Failure.self) { try split.run(workers, Progress.none) }
    #expect("\(failure.map { "\($0)" } ?? "")".contains("the file is cut"))
    #expect(failure?.exitStatus(signal: 2) == .wrongUsage)
  }

  /// VMXON regions are no guests, and a trace of VMX; the id of nested virtualisation says more.
  @Test func headersAloneAreSigns() throws {
    let host = try HostRecipe("host ram 16M cpus 2 seed 34").build()
    guard case .noGuest(let trace?, let unread) = try failure(host.kdump(.lzo)) else {
      Issue.record("no trace of \(host.vmxonRegions.count) VMXON regions")
      return
    }
    #expect(unread == [] && trace.contains("2 with revision 0x2b"), "\(trace)")
    for kernel in ["6.1", "6.1 symbols types"] {
      let nested = try HostRecipe("host ram 24M kernel \(kernel) seed 35\nu64 0x600000 0x11e57ed0").build()
      let failure = try #require(try failure(nested.kdump(.lzo)))
      #expect(failure.exitStatus(signal: 2) == .unusableInput)
      #expect("\(failure)".contains("itself a guest") && "\(failure)".contains("0x11e57ed0"), "\(failure)")
    }
  }
}
