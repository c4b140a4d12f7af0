extension HeadScan {
  /// What `run` finds, found the plain way: one page after the other, decoded whole, none ruled out. Tests hold the
  /// fast way against it.
  static func plain(
    _ dump: any HostDump, heads: [UInt32: UInt64], decoders: DecoderPool, cancellation: Cancellation
  ) throws -> HeadScan {
    var scan = HeadScan()
    scan.workers = 1
    let test = HeadTest(heads)
    for stretch in dump.stretches {
      if cancellation.isCancelled { throw Cancelled() }
      var found = StretchScanner.Found()
      try decoders.borrow { decoder in
        try dump.forEachPage(in: stretch, decoder, for: .heads) { frame, page in
          guard let head = page.withBytes({ PageHead(page: $0) }) else { return }
          if test.isRegion(head) {
            found.regions.append((frame, UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff))
          }
          if test.isVMCB(head), !test.isRegion(head) { found.vmcbs.append(frame) }
          if test.isVMCoreInfo(head) { found.vmcoreinfo.append(frame) }
          found.scanned += 1
        }
      }
      scan.add(found)
    }
    scan.faults = nil
    scan.badPages = dump.summary.storedPages - scan.pagesScanned
    scan.regions.freeze()
    scan.vmcbs.freeze()
    scan.vmcoreinfo.freeze()
    return scan
  }
}
