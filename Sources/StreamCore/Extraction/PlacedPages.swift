/// Contents that stand in the files already, for one step's host frames.
struct PlacedPages {
  private struct Key: Hashable {
    var lane: Int
    var frame: UInt64
  }
  private var step: Range<UInt64> = 0..<0
  private var contents: [Key: OutputPage.Content] = [:]

  mutating func begin(_ frames: Range<UInt64>) {
    if step != frames { contents = [:] }
    step = frames
  }

  subscript(lane: Int, frame: UInt64) -> OutputPage.Content? {
    get { contents.isEmpty ? nil : contents[Key(lane: lane, frame: frame)] }
    set { contents[Key(lane: lane, frame: frame)] = newValue }
  }
}
