import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// The RAM of a real host, from its /proc/vmcore, for other formats to be made of it.
struct RealMemory {
  private let file: FileHandle
  /// Ascending by address; bytes.
  private(set) var segments: [(physical: UInt64, offset: UInt64, size: UInt64)] = []

  init(_ path: String) throws {
    file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    let header = try bytes(0, 64)
    for index in 0..<RecipeReaders.le(header, 56, 2) {
      let entry = try bytes(RecipeReaders.le(header, 32, 8) + index * 56, 56)
      let isImage = RecipeReaders.le(entry, 16, 8) >= 0xffff_ffff_8000_0000
      if RecipeReaders.le(entry, 0, 4) == 1, !isImage {
        segments.append(
          (RecipeReaders.le(entry, 24, 8), RecipeReaders.le(entry, 8, 8), RecipeReaders.le(entry, 32, 8)))
      }
    }
    segments.sort { $0.physical < $1.physical }
  }

  private func bytes(_ offset: UInt64, _ count: UInt64) throws -> [UInt8] {
    try file.seek(toOffset: offset)
    return [UInt8](try file.read(upToCount: Int(count)) ?? Data())
  }

  func copy(_ offset: UInt64, _ count: UInt64, to output: FileHandle) throws {
    for start in stride(from: 0, to: count, by: 1 << 22) {
      try file.seek(toOffset: offset + start)
      try output.write(contentsOf: try file.read(upToCount: Int(min(1 << 22, count - start))) ?? Data())
    }
  }

  /// As LiME would have written it.
  func lime(as image: URL) throws {
    try Data().write(to: image)
    let output = try FileHandle(forWritingTo: image)
    for segment in segments where segment.size > 0 {
      try output.write(
        contentsOf: Data(RecipeMemory.limeHeader(segment.physical, segment.physical + segment.size - 1)))
      try copy(segment.offset, segment.size, to: output)
    }
    try output.close()
  }
}

extension RealMemory {
  /// What a dump of a Linux 6.1 host, the files of one or its parts, splits into: what tells each output from another, by
  /// its name.
  static func guests(of paths: [String], in directory: RecipeDirectory) throws -> [String: String] {
    let workers = Workers(count: 2)
    let output = directory.path.appending(path: "out-\(UUID().uuidString)").path
    let inspection = try Inspection.run(paths: paths, .init(.split, workers: workers))
    let manifest = try Split(inspection: inspection, directory: output, format: guestDumpFormats[0], codec: nil)
      .run(workers, Progress.none)
    var files: [String: String] = [:]
    for file in manifest.guests.compactMap(\.output?.file) {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: output + "/" + file))
      files[file] = "\(bytes.count) bytes, \(bytes.hashValue)"
    }
    #expect(manifest.input.kernelRelease?.hasPrefix("6.1.") == true)
    try FileManager.default.removeItem(atPath: output)
    return files
  }
}
