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
      try decoders.borrow { decoder in
        try dump.forEachPage(in: stretch, decoder, for: .heads) { frame, page in
          guard let head = page.withBytes({ PageHead(page: $0) }) else { return }
          if test.isRegion(head) {
            scan.regions.insert(frame)
            scan.revisions[UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff, default: 0] += 1
          }
          if test.isVMCoreInfo(head) { scan.vmcoreinfo.insert(frame) }
          scan.pagesScanned += 1
        }
      }
    }
    scan.badPages = dump.summary.storedPages - scan.pagesScanned
    scan.regions.freeze()
    scan.vmcoreinfo.freeze()
    return scan
  }
}
