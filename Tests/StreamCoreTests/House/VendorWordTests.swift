import Testing

/// What a guest is, and what is written of it, is the same on every vendor's processor: these rooms do not name one.
@Suite struct VendorWordTests {
  func faults(_ text: String, in path: String = "Guest/Map.swift") -> [String] {
    VendorWordCheck.faults([SourceFile(Rooms.place + path, text)])
  }

  @Test func guestAndExtractionNameNoVendor() throws {
    try #require(!Checkout.streamCore.isEmpty)
    expectNone(of: VendorWordCheck.faults(Checkout.streamCore))
  }

  @Test(arguments: [
    "EPT", "EPTWalk", "hasEPT", "EPTs", "HOST_EPT", "eptPointer", "hasEptPointer", "ept4", "VMCSInfo", "vmcs12",
    "vmcsinfo", "loadedVMCS", "VMCSs", "isVMXRegion", "vmxOn", "\"the VMCS at\"", "\"\\(region.vmcs)\"",
    "\"pages.ept\"",
  ])
  func aVendorsWordIsFound(text: String) {
    #expect(faults("let a = \(text)").count == 1)
  }

  @Test(arguments: [
    "accept", "ACCEPT", "concept", "kept", "acceptEntry", "slept_2", "Sept", "exceptPages", "keptEntries",
    "\"accepted\"", "0  // the EPT", "0 /* VMCS */",
  ])
  func anotherWordIsNot(text: String) {
    #expect(faults("let a = \(text)") == [])
  }

  @Test func itIsNamedWithItsPlaceAndInTheseRoomsAlone() {
    let text = "\nlet a = eptPointer"
    #expect(faults(text, in: "Extraction/A.swift") == ["Sources/StreamCore/Extraction/A.swift:2: ept in eptPointer"])
    #expect(faults(text, in: "VMX/A.swift") == [])
    #expect(faults(text, in: "A.swift") == [])
  }
}
