import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Logs of real kernels, host's and guests', against what makedumpfile makes of the same dumps: byte for byte.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealLogTests {
  private static func dmesg(_ dump: String, in directory: RecipeDirectory) throws -> [UInt8] {
    let output = directory.path.appending(path: "dmesg")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["makedumpfile", "--message-level", "0", "-f", "--dump-dmesg", dump, output.path]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "no makedumpfile, or it cannot read \(dump): ./run setup test")
    return [UInt8](try Data(contentsOf: output))
  }

  private static func hostLog(_ path: String) throws -> [UInt8] {
    var text: [UInt8] = []
    let losses = try Inspection.hostLog(paths: [path], Inspection.Options(.list, workers: Workers(count: 2))) {
      for record in $0 { text += LogText.bytes(record) }
      return true
    }
    #expect(losses.isEmpty)
    return text
  }

  private static func split(
    _ folder: String, into directory: RecipeDirectory, _ format: String
  ) throws -> (Inspection, Manifest) {
    let workers = Workers(count: 2)
    let inspection = try Inspection.run(path: folder + "/host.lzo.kdump", .init(.split, workers: workers))
    let format = try #require(guestDumpFormats.first { $0.name == format })
    let split = Split(
      inspection: inspection, directory: directory.path.appending(path: "out").path, format: format, codec: nil)
    return (inspection, try split.run(workers, Progress.none))
  }

  @Test(arguments: ["haswell", "mini", "nested", "stalled", "new7", "amd"])
  func `every kernel's log is what makedumpfile prints of its dump`(name: String) throws {
    let folder = (KVMRealHost.folder ?? "") + "/" + name
    let directory = try RecipeDirectory()
    let host = try Self.dmesg(folder + "/host.lzo.kdump", in: directory)
    #expect(host.count > 15_000)
    for file in ["host.lzo.kdump", "host-d31.lzo.kdump", "vmcore.elf"] {
      #expect(try Self.hostLog("\(folder)/\(file)") == host, "\(file)")
    }
    let (inspection, manifest) = try Self.split(folder, into: directory, "kdump")
    #expect(manifest.guests.count >= 2)
    for guest in manifest.guests {
      let file = try #require(guest.output?.file)
      var log: [UInt8] = []
      let losses = try inspection.log(of: "\(guest.id)") {
        for record in $0 { log += LogText.bytes(record) }
        return true
      }
      let truth = try Self.dmesg(directory.path.appending(path: "out/\(file)").path, in: directory)
      #expect(truth.count > 5_000)
      #expect(log == truth, "\(guest.name)")
      #expect(losses.isEmpty)
    }
  }

  /// Bytes of any kind, in the place of a record's text, in a core of a guest.
  @Test func `hostile bytes are written as makedumpfile writes them`() throws {
    let directory = try RecipeDirectory()
    let (_, manifest) = try Self.split((KVMRealHost.folder ?? "") + "/mini", into: directory, "elf")
    let file = try #require(manifest.guests.first?.output?.file)
    var core = [UInt8](try Data(contentsOf: directory.path.appending(path: "out/\(file)")))
    let place = try #require(core.firstRange(of: Array("Booting paravirtualized kernel on KVM".utf8))?.lowerBound)
    let hostile: [UInt8] = [
      0x1b, 0x5b, 0x32, 0x4a, 0x0a, 0xc3, 0xa9, 0x00, 0x7f, 0x80, 0xff, 0x09, 0x0d, 0x0b, 0x0c, 0x07,
    ]
    core.replaceSubrange(place..<place + hostile.count, with: hostile)
    let path = try directory.write(core, as: "core")
    let log = try Self.hostLog(path)
    #expect(log == (try Self.dmesg(path, in: directory)))
    #expect(log.firstRange(of: Array("\\x1b[2J\n               \\xffffffc3".utf8)) != nil)
  }
}
