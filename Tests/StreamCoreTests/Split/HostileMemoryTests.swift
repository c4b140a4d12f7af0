import HostRecipes
import Foundation
@testable import StreamCore
import Testing

/// Hosts with hostile guests and hostile tables, given to the program itself: it ends, with the right status, and its
/// memory stays within what `--memory` allows and the program takes in any case.
@Suite(.serialized) struct HostileMemoryTests {
  /// The least `--memory`, and what a run may take in all: the most seen in debug builds is 26 MiB, and a map that
  /// is not held back takes gigabytes.
  private static let memory = "16M"
  private static let bound: UInt64 = 48 << 20

  /// A host, and how the program must end.
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var recipe: String
    var status: Int32
    var testDescription: String { name }
  }

  private static func recipe(
    _ words: String = "", cache: [String] = [], evil: [String] = [], ram: String = "0-6M", host: String = "0-64M"
  ) -> String {
    (["host ram \(host) cpus 2 \(words)"] + cache
      + ["guest evil ram \(ram) backing 2M linux 6.1.0-evil"] + evil.map { "  " + $0 }
      + ["guest victim ram 0-4M linux 6.1.0-victim", "  vcpu running", "  vcpu halted"]).joined(separator: "\n")
  }

  private static func forged(_ words: String) -> Case {
    Case(
      name: "forged: \(words)", recipe: recipe(cache: ["forge \(words)"], evil: ["forge 0x400000 \(words)"]),
      status: 0)
  }

  static let cases = [
    forged("victim 0 maps loop"), forged("victim 0 maps shared"), forged("evil 0 complete maps host"),
    forged("victim 0 complete maps loop"), forged("victim 0 own-kernel maps host"),
    forged("evil 0 true-vm maps victim"),
    Case(
      name: "tables that name themselves and others",
      recipe: recipe(evil: ["ept-loop 0x40000000", "ept-share 0x40200000 0x200000"]), status: 1),
    Case(name: "a flood of heads", recipe: recipe(evil: ["heads"], ram: "0-8M"), status: 0),
    Case(name: "a flood of copies", recipe: recipe(evil: ["copies victim 0"]), status: 0),
    Case(
      name: "a flood of complete fakes",
      recipe: recipe(
        evil: (0..<48).map { "forge \(0x40_0000 + $0 << 17) victim 0 complete maps host" }, ram: "0-10M"),
      status: 0),
    // A map that needs more than there is: its guest is named and left out, the other one is whole.
    Case(
      name: "all guest addresses mapped to all of the host, by 1 GiB", recipe: recipe(evil: ["ept-flood 3 511 0"]),
      status: 1),
    Case(
      name: "all guest addresses mapped to free memory, by 1 GiB",
      recipe: recipe(evil: ["ept-flood 3 511 0x40000000"], host: "0-64M 1G-1G+4M"), status: 1),
    // Maps that fit, of pages that are all the same few.
    Case(
      name: "8 GiB mapped to the same 2 MiB",
      recipe: recipe(evil: ["ept-flood 2 8 0x40000000"], host: "0-64M 1G-1G+4M"),
      status: 0),
    Case(
      name: "51,200 pages all over the guest's addresses mapped to the same one",
      recipe: recipe(evil: ["ept-flood 1 100 0x40000000"], host: "0-64M 1G-1G+4M"), status: 0),
  ]

  @Test(arguments: cases)
  func memoryStaysWithinBounds(_ hostile: Case) throws {
    let tool = try BuiltTool()
    let directory = try RecipeDirectory()
    let host = try HostRecipe(hostile.recipe).build()
    // Zero pages share a descriptor, free ones are there.
    let input = try directory.write(RecipeKdump(codec: .lzo, level: 1).file(of: host).file, as: "host.dump")
    let common = ["--memory", Self.memory, "--no-progress", "--threads", "2", input]
    for command in [["list"], ["split", "--output", directory.path.path + "/out"]] {
      let outcome = try tool.run(command + common, in: directory)
      #expect(outcome.status == hostile.status, "\(command[0]): \(outcome.messages)")
      #expect(outcome.peak < Self.bound, "\(command[0]): \(outcome.peak >> 20) MiB in \(outcome.seconds) s")
      // Else nothing was measured.
      #expect(outcome.peak > 1 << 20, "\(command[0])")
    }
  }
}
