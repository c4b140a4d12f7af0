import Testing

/// A room knows the rooms above it and no other: the order that the design rests on. Here by the names of types, which
/// takes no compiler; Tests/House/typecheck-rooms looks at everything else that can point the wrong way.
@Suite struct ArrowTests {
  static let rooms = Rooms(
    """
    # A small house
    Bytes
    VMX
    SVM optional without VMX  # two vendors
    Guest
    """)

  /// What is at fault in a house where Guest has Map, the root Split, VMX Region, and these planted files.
  func faults(_ planted: [String: String]) -> [String] {
    let house = [
      "Guest/Map.swift": "public struct Map { enum Hole {} }", "Split.swift": "final class Split {}",
      "VMX/Region.swift": "protocol Region {}",
    ].merging(planted) { $1 }
    let files = house.map { SourceFile(Rooms.place + $0, $1) }
    return ArrowCheck.faults(Self.rooms, files.sorted { $0.path < $1.path })
  }

  @Test func theHouseIsInOrder() throws {
    let rooms = Rooms(try Checkout.text(of: "Tests/House/rooms"))
    try #require(!Checkout.streamCore.isEmpty)
    expectNone(of: rooms.faults(of: Checkout.streamCore.map(\.path)) + ArrowCheck.faults(rooms, Checkout.streamCore))
  }

  @Test func aTypeOfALaterRoomIsFound() {
    let text = """
      /// A page.
      struct Page {
        var map: Map?
      }
      """
    #expect(
      faults(["Bytes/Page.swift": text]) == [
        "Sources/StreamCore/Bytes/Page.swift:3: Bytes uses Map, which lives in Guest"
      ])
  }

  @Test(arguments: [
    "func f(_ map: Map) {}", "extension Map {}", "let map = Map()", "let maps: [Int: Map]", "let hole: Map.Hole",
    "typealias Chart = StreamCore.Map", #"let text = "\(Map.self)""#, ##"let text = #"\#(Map.self)"#"##,
    "let text = \"\"\"\n  \\(count(\"\\(Map.self)\"))\n  \"\"\"", "let split: Split", "/* a /* b */ */ let map: Map",
    #"let quote = "\"", map: Map"#, "let empty = \"\", map: Map",
  ])
  func everyFormOfUseIsFound(text: String) {
    #expect(!faults(["Bytes/Page.swift": text]).isEmpty)
  }

  @Test(arguments: [
    "// Map", "/// Map\n", "/* Map */", "/* /* */ Map */", #"let text = "Map""#, #"let text = "\\(Map)""#,
    ##"let text = #"\(Map) " Map"#"##, "let text = \"\"\"\n  Map \" Map\n  \\\"\"\" Map\n  \"\"\"", "let x = list.Map",
    "let roadMap = Maps()", "let map = map",
  ])
  func commentsStringsAndOtherNamesDoNotCount(text: String) {
    #expect(faults(["Bytes/Page.swift": text]) == [])
  }

  @Test func theOwnRoomAndLaterOnesMayUseIt() {
    let text = "func f(_ map: Map, _ hole: Map.Hole) {}"
    #expect(faults(["Guest/Walk/Walker.swift": text, "Extraction.swift": text + "\nlet split = Split()"]) == [])
  }

  @Test func roomsThatMustNotKnowEachOtherAreHeldApart() {
    let fault = "Sources/StreamCore/SVM/Block.swift:1: SVM uses Region, which lives in VMX"
    #expect(
      faults(["SVM/Block.swift": "struct Block: Region {}", "Guest/Walker.swift": "let a: Region, b: Block"]) == [fault]
    )
  }

  @Test func aNestedTypeIsFoundWhereItsNameIsTheOnlyOne() {
    let use = ["Bytes/Page.swift": "let hole: Hole"]
    #expect(faults(use).count == 1)
    #expect(faults(use.merging(["VMX/Hole.swift": "enum Other { enum Hole {} }"]) { $1 }) == [])
    #expect(
      faults(["Guest/Keys.swift": "enum Keys { struct Element {} }", "Bytes/Page.swift": "let e: Element"]) == [])
  }

  @Test(arguments: [
    "struct Box<Key: Hashable, Map> { var map: Map }", "protocol P { associatedtype Map }", "enum Map {}",
  ])
  func aRoomsOwnTypeOfThatNameIsMeant(text: String) {
    #expect(faults(["Bytes/Box.swift": text]) == [])
  }

  @Test func roomsAndFoldersAreTheSame() {
    let paths = ["Bytes/A.swift", "Guest/Walk/B.swift", "Attic/C.swift", "Split.swift"].map { Rooms.place + $0 }
    #expect(
      Self.rooms.faults(of: paths) == [
        "Sources/StreamCore/Attic is not in the list of rooms",
        "VMX is in the list of rooms, and there is no Sources/StreamCore/VMX",
      ])
  }
}
