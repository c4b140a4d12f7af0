import Foundation
import HostRecipes
@testable import StreamCore
import Testing

extension SplitRun {
  /// Expects that the guests of a host with `secrets` come out exact and alone, each with no one else's secret, and that
  /// this costs no more than the candidates do.
  /// - Parameter pages: that are read whole beside the candidates: the host's own tables.
  @discardableResult
  static func expectIsolated(
    _ recipe: String, pagesPerCandidate: UInt64 = 4, pages: UInt64 = 4096, scans: Bool = false,
    isByContent: Bool = false, _ location: SourceLocation = #_sourceLocation
  ) throws -> SplitRun {
    var options = SplitRun.Options(codec: .raw)
    options.scans = scans
    options.isByContent = isByContent
    let run = try SplitRun(recipe, options)
    #expect(run.manifest.guests.count == run.host.liveGuests.count, "\(recipe)", sourceLocation: location)
    for guest in run.host.liveGuests {
      try run.expectExact(guest, location)
      let owner = try #require(run.host.guests.firstIndex { $0.name == guest.name })
      let found = owners(in: try run.bytes(guest))
      #expect(found.keys.allSatisfy { $0 == owner }, "\(guest.name): \(recipe)", sourceLocation: location)
      #expect(
        guest.spec.flood != nil || found.count == 1, "\(guest.name): no secret at all", sourceLocation: location)
    }
    // A candidate is read whole to be judged, and again for its evidence.
    let pages = run.manifest.counters["candidates", default: 0] * pagesPerCandidate + pages
    #expect(
      run.manifest.counters["bytes_structures", default: 0] <= pages * 4096, "\(recipe)", sourceLocation: location)
    return run
  }

  /// Whose secrets a file holds, at any place, and how many.
  static func owners(in bytes: [UInt8]) -> [UInt64: Int] {
    let data = Data(bytes)
    let marker = Data(RecipeSecret.marker)
    var found: [UInt64: Int] = [:]
    var from = data.startIndex
    while let place = data.range(of: marker, in: from..<data.endIndex) {
      found[RecipeReaders.le(bytes, place.upperBound, 8), default: 0] += 1
      from = place.upperBound
    }
    return found
  }
}
