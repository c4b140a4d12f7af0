import Testing

@testable import StreamCore

@Suite struct KernelListWalkTests {
  /// A head and five nodes, each in a page of its own.
  private static let places = (0..<6).map { UInt64($0) << 12 | 0x40 }

  private static func space() -> KernelSpace {
    var space = KernelSpace()
    space.link(places)
    return space
  }

  private static func walk(_ space: KernelSpace, limit: Int = 100) throws -> KernelListWalk {
    KernelListWalk(head: KernelSpace.address(places[0]), kernel: try space.kernel(), limit: limit)
  }

  private static func node(_ number: Int) -> VirtualAddress { KernelSpace.address(places[number]) }

  @Test func `a whole list is whole, an empty one has no nodes`() throws {
    let walk = try Self.walk(Self.space())
    #expect(walk.nodes == (1..<6).map(Self.node))
    #expect(walk.cut == nil && walk.cutBehind == nil && walk.behind == 0)
    var space = KernelSpace()
    space.link([Self.places[0]])
    #expect(try Self.walk(space).nodes.isEmpty && Self.walk(space).cut == nil)
  }

  @Test func `a list with a hole is followed from both ends, and the hole is told`() throws {
    var space = Self.space()
    space.cut(pageAt: Self.places[3])
    let walk = try Self.walk(space)
    #expect(walk.nodes == [1, 2, 4, 5].map(Self.node) && walk.behind == 2)
    let absent = Self.node(3)
    #expect(
      walk.cut
        == .init(node: Self.node(2), pointer: absent.rawValue, reason: .unreadable(.absent(absent &+ 8))))
    #expect(
      walk.cutBehind == .init(node: Self.node(4), pointer: absent.rawValue, reason: .unreadable(.absent(absent))))
  }

  @Test func `wild pointers, one-way pointers and loops end it, each by name`() throws {
    for (value, reason) in [
      (0xdead_beef, .wild), (0xffff_8880_0400_0041, .wild), (0, .wild), (Self.node(5).rawValue, .oneWay),
      (
        0xffff_c900_1234_5000,
        .unreadable(.unmapped(VirtualAddress(rawValue: 0xffff_c900_1234_5008)))
      ),
    ] as [(UInt64, KernelListWalk.Reason)] {
      var space = Self.space()
      space.store(value, at: Self.places[2])
      let walk = try Self.walk(space)
      #expect(walk.cut == .init(node: Self.node(2), pointer: value, reason: reason))
      #expect(walk.nodes == (1..<6).map(Self.node) && walk.behind == 3)
    }
    // The last node leads back to the first, which agrees.
    var space = Self.space()
    space.store(Self.node(1).rawValue, at: Self.places[5])
    space.store(Self.node(5).rawValue, at: Self.places[1] + 8)
    space.store(Self.node(1).rawValue, at: Self.places[0])
    #expect(try Self.walk(space).cut?.reason == .oneWay)
    space.store(Self.node(0).rawValue, at: Self.places[1] + 8)
    #expect(try Self.walk(space).cut == .init(node: Self.node(5), pointer: Self.node(1).rawValue, reason: .oneWay))
    space = Self.space()
    space.store(Self.node(3).rawValue, at: Self.places[3])
    space.store(Self.node(3).rawValue, at: Self.places[3] + 8)
    #expect(try Self.walk(space).nodes.count < 6)
  }

  @Test func `a list that is too long ends at the limit`() throws {
    let walk = try Self.walk(Self.space(), limit: 3)
    #expect(walk.nodes == (1...3).map(Self.node))
    #expect(walk.cut?.reason == .limit && walk.cutBehind?.reason == .limit)
    #expect(walk.cut?.description.contains("\n") == false)
  }
}
