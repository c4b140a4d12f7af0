import HostModel
import HostRecipes
import Foundation
@testable import StreamCore

/// A small dump that is damaged over and over, and what each guest's dump must hold.
struct MutationSubject: Sendable {
  let name: String
  let host: BuiltHost
  let bytes: [UInt8]
  /// Bytes of headers, bitmaps and descriptors at the start.
  let meta: Int
  private let layout = LayoutCatalogue.layout(id: "bochs-2.7")
  /// By guest, then by guest frame.
  private let truth: [[UInt64: [UInt8]]]
  /// The same as the file stores them, by their first bytes' place: most output pages are these bytes.
  private let stored: [UInt64: Data]
  /// Every page of every guest that is not zeros.
  private let pages: Set<[UInt8]>
  /// The undamaged file.
  private let view: MutatedView
  /// Stored frames that no guest owns: maps, regions, and what KVM knows.
  private let structures: [UInt64]

  init(kdump name: String, _ codec: RecipeCodec, _ recipe: String) throws {
    let host = try HostRecipe(recipe).build()
    let (file, places) = RecipeKdump(codec: codec).file(of: host)
    try self.init(name, host, file.bytes, meta: Int(places.descriptors) + 24 * places.frames.count, places.frames)
  }

  init(elf name: String, _ recipe: String) throws {
    let host = try HostRecipe(recipe).build()
    try self.init(name, host, host.elf(.makedumpfile, level: 17), meta: 16384, host.storedFrames(level: 17))
  }

  private init(_ name: String, _ host: BuiltHost, _ bytes: [UInt8], meta: Int, _ frames: [UInt64]) throws {
    self.name = name
    self.host = host
    self.bytes = bytes
    self.meta = meta
    var owned: Set<UInt64> = []
    truth = host.guests.map { guest in
      var pages: [UInt64: [UInt8]] = [:]
      for gfn in guest.ranges.joined() where guest.status(gfn) == .mapped {
        pages[gfn] = guest.page(gfn)
        if let frame = guest.backing.frame(gfn) { owned.insert(frame) }
      }
      return pages
    }
    pages = Set(truth.flatMap(\.values)).subtracting([SparseMemory.zeroPage])
    structures = frames.filter { !owned.contains($0) }
    view = bytes.starts(with: [0x7f]) ? MutatedView.elf(bytes) : MutatedView.kdump(bytes)
    stored = view.streams(owned)
  }

  var isELF: Bool { bytes.starts(with: [0x7f]) }

  /// How one run ended.
  struct Outcome: Sendable {
    var ending = ""
    var pages = 0
    var badPages: UInt64 = 0
    /// Pages that are not the truth because their own stored bytes or descriptors say so: no codec here but zlib has a
    /// checksum.
    var excused = 0
    /// Runs whose host structures were altered without a decoder's noticing.
    var altered = false
    var fault: String?
  }

  /// Damages the dump, runs the whole way, and compares what comes out with the truth.
  func run(seed: UInt64, index: Int, in directory: URL) throws -> Outcome {
    let mutation = Mutation(seed: seed, index: index, size: bytes.count, meta: min(meta, bytes.count))
    var damaged = bytes
    mutation.apply(to: &damaged)
    let input = directory.appending(path: "host.dump")
    try Data(damaged).write(to: input)
    var outcome = Outcome()
    do {
      let workers = Workers(count: 1)
      // Mostly with the layout given: to read the whole catalogue takes longer than the rest.
      let options = Inspection.Options(.split, layout: index % 8 == 0 ? nil : layout, workers: workers)
      let inspection = try Inspection.run(path: input.path, options)
      // Before anything is decoded; now and then by a list of its own, which takes as long as the rest.
      let listed =
        try index % 16 == 1
        ? Inspection.run(path: input.path, .init(.list, layout: layout, workers: workers)).manifest()
        : inspection.manifest()
      let split = Split(
        inspection: inspection, directory: directory.path, format: guestDumpFormats[0],
        codec: index % 4 == 2 ? .raw : nil, verifies: index % 4 == 3, force: true)
      let manifest = try split.run(workers, Progress.none)
      outcome.ending = "manifest"
      outcome.fault = Self.difference(listed, manifest)
      guard outcome.fault == nil else {
        outcome.fault = outcome.fault.map { "\(mutation): \($0)" }
        return outcome
      }
      try judge(manifest, mutation, damaged, directory, &outcome)
    } catch {
      guard let failure = Failure(error) else {
        outcome.fault = "\(mutation): \(error)"
        return outcome
      }
      outcome.ending = String("\(failure)".prefix { $0 != "(" })
    }
    if let fault = outcome.fault { outcome.fault = "\(mutation): \(fault)" }
    return outcome
  }

  /// Where a list counts otherwise than the split of the same dump, pages apart that only their streams show to be bad.
  private static func difference(_ list: Manifest, _ split: Manifest) -> String? {
    guard list.guests.count == split.guests.count else { return "a list has \(list.guests.count) guests" }
    for (listed, written) in zip(list.guests, split.guests) {
      let streams = written.badPages.runs.filter { run in
        RecipeCodec.pure.contains { run.reason.hasPrefix("\($0): ") }
      }
      let bad = written.badPages.count - streams.reduce(0) { $0 + $1.count }
      if listed.pages.known != written.pages.known || listed.pages.absent != written.pages.absent
        || listed.badPages.count != bad
      {
        return "a list of \(listed.name) has \(listed.badPages.count) bad pages, absent \(listed.pages.absent), "
          + "the split \(bad), \(written.pages.absent)"
      }
    }
    return nil
  }

  private func judge(
    _ manifest: Manifest, _ mutation: Mutation, _ damaged: [UInt8], _ directory: URL, _ outcome: inout Outcome
  ) throws {
    var damagedView: MutatedView?
    for entry in manifest.guests {
      outcome.badPages += entry.badPages.count
      guard let output = entry.output else { continue }
      let owner = host.guests.firstIndex { guest in
        entry.vcpus.contains { vcpu in guest.vcpus.contains { $0.vmcs == vcpu.vmcs?.value } }
      }
      for (gfn, page) in OutputPages(try Data(contentsOf: directory.appending(path: output.file))).pages {
        outcome.pages += 1
        let frame = owner.flatMap { host.guests[$0].backing.frame(gfn) }
        if let frame, let stream = stored[frame], stream == page.stored { continue }
        // A stream that does not decode was passed through as it was: whoever reads it is told.
        guard let decoded = page.decoded else { continue }
        if let owner, truth[owner][gfn] == decoded { continue }
        if damagedView == nil { damagedView = isELF ? MutatedView.elf(damaged) : MutatedView.kdump(damaged) }
        let isOwn = frame.map { view.own($0).contains(where: mutation.touches) } ?? false
        if let frame, let damagedView, isOwn, damagedView.page(frame) == decoded,
          !pages.contains(decoded) || mutation.kind == .swap || damagedView.isShared(frame)
        {
          // Another page's bytes are excused in two cases that the format lets nobody tell from a sound file: raw pages
          // that changed places as a whole, and a descriptor that has become another one, which then share a target.
          outcome.excused += 1
        } else if damagedView.map(isAltered) ?? false {
          outcome.altered = true
        } else {
          outcome.fault =
            "\(entry.name) page \(hex(gfn << 12)) of frame \(frame.map { hex($0) } ?? "none") is another page"
          return
        }
      }
    }
  }

  private func isAltered(_ view: MutatedView) -> Bool {
    structures.contains { frame in view.page(frame).map { $0 != host.memory.page(frame) } ?? false }
  }
}

extension MutatedView {
  /// The stored bytes of frames.
  func streams(_ frames: Set<UInt64>) -> [UInt64: Data] {
    var streams: [UInt64: Data] = [:]
    for frame in frames { streams[frame] = stream(frame).map { Data($0) } }
    return streams
  }
}

/// The pages of a kdump-compressed file that the product wrote.
struct OutputPages {
  struct Page {
    var stored: Data
    var codec: RecipeCodec
    var decoded: [UInt8]? { RecipeBytes.expand(Array(stored), codec) }
  }
  private(set) var pages: [(gfn: UInt64, page: Page)] = []

  init(_ data: Data) {
    let bytes = [UInt8](data)
    let second = (1 + Int(RecipeReaders.le(bytes, 432, 4))) * 4096 + Int(RecipeReaders.le(bytes, 436, 4)) / 2 * 4096
    var descriptor = second + Int(RecipeReaders.le(bytes, 436, 4)) / 2 * 4096
    for byte in 0..<Int(RecipeReaders.le(bytes, 4096 + 96, 8) + 7) / 8 where bytes[second + byte] != 0 {
      for bit in 0..<8 where bytes[second + byte] >> bit & 1 == 1 {
        let offset = Int(RecipeReaders.le(bytes, descriptor, 8))
        let size = Int(RecipeReaders.le(bytes, descriptor + 8, 4))
        let codec = RecipeCodec(rawValue: UInt32(RecipeReaders.le(bytes, descriptor + 12, 4))) ?? .mixed
        pages.append((UInt64(byte * 8 + bit), Page(stored: data[offset..<offset + size], codec: codec)))
        descriptor += 24
      }
    }
  }
}
