import Testing

/// The root of the module is its entrance: few files, which a newcomer reads first.
@Suite struct RootTests {
  @Test func theRootHasAtMostSixFiles() throws {
    try #require(!Checkout.streamCore.isEmpty)
    let files = Checkout.streamCore.map(\.path).filter { Rooms.room(of: $0) == Rooms.root }
    expectNone(of: files.count > 6 ? ["\(files.count) files, at most 6 belong here:"] + files : [])
  }
}
