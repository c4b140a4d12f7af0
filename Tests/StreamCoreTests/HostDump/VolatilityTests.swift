import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Volatility 3 reads the LiME and AVML images that our builder makes, and so has a word on whether these are what others
/// write. Images of real hosts: Tests/FieldTools/images.
@Suite(.enabled(if: Volatility.isThere, "there is no Volatility 3 in .build/volatility: ./run setup test installs it"))
struct VolatilityTests {
  @Test func itReadsTheBuildersImages() throws {
    let host = try HostRecipe("host ram 48M seed 3\nguest a ram 0-4M linux 6.1.0-a").build()
    let directory = try RecipeDirectory()
    for (image, kind) in [(RecipeMemory.lime(of: host), "LimeLayer"), (RecipeMemory.avml(of: host), "AVMLLayer")] {
      let said = try Volatility.read(directory.write(image, as: kind))
      #expect(said.first == "layers FileLayer \(kind)")
      let blocks = kind == "LimeLayer" ? host.ram : RecipeMemory.avmlBlocks(of: host)
      #expect(said.filter { $0.hasPrefix("run ") } == Self.runs(blocks, host))
    }
  }

  /// As the script prints them: adjacent blocks are one run.
  private static func runs(_ blocks: [Range<UInt64>], _ host: BuiltHost) -> [String] {
    var joined: [Range<UInt64>] = []
    for block in blocks {
      let isNext = joined.last?.upperBound == block.lowerBound
      joined.append((isNext ? joined.removeLast() : block).lowerBound..<block.upperBound)
    }
    return joined.map { frames in
      let sum = SHA256()
      for frame in frames { sum.update(host.memory.page(frame)) }
      return "run \(hex(frames.lowerBound << 12)) \(hex(frames.upperBound << 12 - 1)) \(sum.finish())"
    }
  }
}

/// Volatility 3, in an environment of its own below the checkout.
private enum Volatility {
  private static let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let python = checkout.appending(path: ".build/volatility/bin/python")

  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: python.path) }

  /// The lines that it prints of an image.
  static func read(_ image: String) throws -> [String] {
    let process = Process()
    let output = Pipe()
    process.executableURL = python
    process.arguments = [checkout.appending(path: "Tests/FieldTools/with_volatility.py").path, image]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return String(decoding: said, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
