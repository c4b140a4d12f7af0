import Foundation
import HostModel
import HostRecipes

@testable import StreamCore

/// A dump whose VMCS regions have another layout than they had: their pages come from a file of their own, all else from
/// the dump.
struct RelaidDump: HostDump {
  let whole: any HostDump
  /// Frames of the regions, in the order in which the second file of the input holds them, raw.
  let regions: [UInt64]

  /// - Parameters:
  ///   - regions: addresses of regions that `layout` reads.
  ///   - seed: of the places, which are by chance; access rights take 4 bytes in the form of the SDM.
  init(
    _ source: ByteSource, regions: [UInt64], layout: Layout, seed: UInt64, revision: UInt32,
    _ directory: RecipeDirectory
  ) throws {
    let dump = try openHostDump(source)
    let memory = HostMemory(dump)
    let places = Self.places(layout.fields, seed: seed)
    var pages: [UInt8] = []
    for address in regions {
      var moved = [UInt8](repeating: 0, count: 4096)
      moved.store(revision, at: 0)
      if let page = memory.page(address >> 12).page {
        let region = VMCSRegion(address: HPA(rawValue: address), page: page, layout: layout)
        for (field, place) in places {
          let rights = SegmentRegister.allCases.first { $0.fields.accessRights == field }
          let value = rights.map { UInt64(region.accessRights(of: $0) ?? 0) } ?? region[field] ?? 0
          let width = rights == nil ? field.width : 4
          moved.replaceSubrange(place..<place + width, with: LittleEndian.bytes(value).prefix(width))
        }
      }
      pages += moved
    }
    let extra = try InputFile(path: directory.write(pages, as: "regions-\(seed)"), mapped: true)
    whole = try openHostDump(ByteSource(source.first, [extra]))
    self.regions = regions.map { $0 >> 12 }
  }

  private static func places(_ fields: [VMCSField], seed: UInt64) -> [(VMCSField, Int)] {
    var random = SplitMix64(seed: seed)
    var slots = Array(2..<511)
    return fields.map { ($0, slots.remove(at: Int(random.below(UInt64(slots.count)))) * 8) }
  }

  var input: DumpInput { whole.input }
  var summary: HostDumpSummary { whole.summary }
  var notes: [Note] { whole.notes }
  var vmcoreinfo: VMCoreInfo? { whole.vmcoreinfo }
  var remarks: [Remark] { whole.remarks }
  var stretches: [Range<UInt64>] { whole.stretches }

  func presence(_ frame: UInt64) -> Presence { whole.presence(frame) }
  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    whole.presenceRun(frame, limit: limit)
  }

  private func moved(_ frame: UInt64) -> StoredPage? {
    regions.firstIndex(of: frame).map {
      StoredPage(frame: frame, file: 1, offset: UInt64($0) * 4096, size: 4096, codec: .raw)
    }
  }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    try whole.visit(frames, page: { try page(moved($0.frame) ?? $0) }, fault: fault)
  }

  func entry(_ frame: UInt64) throws -> StoredEntry? {
    try moved(frame).map { .page($0) } ?? whole.entry(frame)
  }
}
