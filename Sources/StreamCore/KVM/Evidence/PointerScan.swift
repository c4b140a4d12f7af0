import Synchronization

/// `PointerSearch` as one pass over all stored pages, decoded whole: the slow way, for hosts where nothing shorter
/// leads to a `vcpu_vmx`.
struct PointerScan: PointerSearch {
  let dump: any HostDump
  let decoders: DecoderPool
  let workers: Workers

  /// Hits kept for one value: a true pointer has one or two (Documentation/kvm.md §2.2), chance hits are few.
  private static let hitLimit = 64

  func pointers(to values: [UInt64]) throws -> [UInt64: [HPA]] {
    let wanted = Set(values)
    let low12 = Set(values.map { UInt16(truncatingIfNeeded: $0 & 0xfff) })
    // Region addresses are page-aligned, so one compare of the low bits ends nearly every test.
    let aligned = low12 == [0]
    let hits = Mutex<[UInt64: [HPA]]>([:])
    let stretches = dump.stretches
    try workers.forEach(stretches.count) { _, item in
      var found: [(value: UInt64, place: HPA)] = []
      try decoders.borrow { decoder in
        try dump.forEachPage(in: stretches[item], decoder, for: .structures) { frame, page in
          page.withBytes { bytes in
            for at in stride(from: 0, to: pageSize, by: 8) {
              guard let value: UInt64 = bytes.load(at), value != 0, !aligned || value & 0xfff == 0,
                wanted.contains(value)
              else { continue }
              found.append((value, HPA(rawValue: frame << 12 | UInt64(at))))
            }
          }
        }
      }
      let part = found
      hits.withLock { hits in
        for hit in part where hits[hit.value, default: []].count < Self.hitLimit {
          hits[hit.value, default: []].append(hit.place)
        }
      }
    }
    return hits.withLock { $0.mapValues { $0.sorted() } }
  }
}
