import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Real hosts as a sadump: their guests are those of the plain file, and other readers take it.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealSadumpTests {
  private static let forms: [RecipeSadump.Form] = [.partition, .medium, .volumes([20_000, 50_001])]

  @Test(arguments: ["mini", "haswell"]) func eachFormGivesTheSameGuests(name: String) throws {
    let path = (KVMRealHost.folder ?? "") + "/" + name + "/vmcore.elf"
    let directory = try RecipeDirectory()
    let memory = try RealMemory(path)
    let plain = try RealMemory.guests(of: [path], in: directory)
    #expect(plain.count == 3)
    for form in Self.forms {
      let files = try memory.sadump(form, in: directory)
      #expect(try RealMemory.guests(of: files.reversed(), in: directory) == plain, "\(form)")
    }
  }

  /// makedumpfile and crash find the kernel in our builder's files and print its log as makedumpfile prints that of the
  /// plain file, byte for byte. They need the kernel's debug information: VMCS_SPLIT_SYMBOLS names a folder with haswell's `vmlinux`.
  @Test(.enabled(if: ShippedFiles.folder != nil, "VMCS_SPLIT_SYMBOLS names no folder"))
  func otherToolsReadTheBuildersFiles() throws {
    let vmlinux = (ShippedFiles.folder ?? "") + "/vmlinux"
    let path = (KVMRealHost.folder ?? "") + "/haswell/vmcore.elf"
    let directory = try RecipeDirectory()
    let memory = try RealMemory(path)
    let info = try #require(try openHostDump(path: path).vmcoreinfo)
    let tables = try #require(info.symbol("swapper_pg_dir"))
    let base = try #require(info["NUMBER(phys_base)"].flatMap { Int64($0) })
    let truth = try run(["makedumpfile", "-f", "--dump-dmesg", path], in: directory, "dmesg")
    #expect(truth.count > 15_000)
    for form in Self.forms {
      let files = try memory.sadump(form, in: directory) { recipe in
        recipe.cr3 = tables.rawValue &- 0xffff_ffff_8000_0000 &+ UInt64(bitPattern: base)
        recipe.idtr = 0xffff_fe00_0000_0000
      }
      let arguments = files.count > 1 ? files.map { "--diskset=\($0)" } : files
      #expect(
        try run(["makedumpfile", "-f", "-x", vmlinux, "--dump-dmesg"] + arguments, in: directory, "dmesg") == truth,
        "makedumpfile, \(form)")
      let script = try directory.write(Array("log > \(directory.path.path)/log\nquit\n".utf8), as: "script")
      _ = try run(["crash", "-s", "-i", script, vmlinux] + files, in: directory, nil)
      #expect([UInt8](try Data(contentsOf: directory.path.appending(path: "log"))) == truth, "crash, \(form)")
    }
  }

  /// - Parameter result: a file in the directory that the tool is to write, given last; `nil`: what it says.
  private func run(_ words: [String], in directory: RecipeDirectory, _ result: String?) throws -> [UInt8] {
    let output = directory.path.appending(path: result ?? "said")
    try Data().write(to: output)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words + (result == nil ? [] : [output.path])
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = result == nil ? try FileHandle(forWritingTo: output) : FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(words[0]) ended with \(process.terminationStatus): \(words)")
    return [UInt8](try Data(contentsOf: output))
  }
}

extension RealMemory {
  /// Files of a sadump with all whole pages of the memory.
  func sadump(
    _ form: RecipeSadump.Form, in directory: RecipeDirectory, _ change: (inout RecipeSadump) -> Void = { _ in }
  ) throws -> [String] {
    let runs = segments.map { ($0.physical + 4095) / 4096..<($0.physical + $0.size) / 4096 }
    let whole = runs.filter { !$0.isEmpty }
    var recipe = RecipeSadump(form, ram: whole, dumped: whole)
    change(&recipe)
    return try recipe.files.enumerated().map { number, file in
      let path = directory.path.appending(path: "sadump-\(number + 1)")
      try Data(file.head).write(to: path)
      let output = try FileHandle(forWritingTo: path)
      try output.seekToEnd()
      var rank: UInt64 = 0
      for (segment, run) in zip(segments, runs) where !run.isEmpty {
        let own = (rank..<rank + UInt64(run.count)).clamped(to: file.ranks)
        let start = run.lowerBound * 4096 - segment.physical + (own.lowerBound - min(rank, own.lowerBound)) * 4096
        if !own.isEmpty { try copy(segment.offset + start, UInt64(own.count) * 4096, to: output) }
        rank += UInt64(run.count)
      }
      try output.close()
      return path.path
    }
  }
}
