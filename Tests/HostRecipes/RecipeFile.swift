import Foundation
import HostModel

/// A dump file in the making: chunks at offsets, zeros between them. Cheap for files far larger than what they hold.
package struct RecipeFile: Sendable {
  package private(set) var chunks: [(offset: UInt64, bytes: [UInt8])] = []
  package private(set) var size: UInt64 = 0

  package init() {}

  /// Later chunks win where they overlap earlier ones.
  package mutating func put(_ bytes: [UInt8], at offset: UInt64) {
    guard !bytes.isEmpty else { return }
    chunks.append((offset, bytes))
    grow(to: offset + UInt64(bytes.count))
  }

  package mutating func grow(to end: UInt64) { size = max(size, end) }

  /// The whole file.
  package var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(Int(size))
    var patches: [(offset: UInt64, bytes: [UInt8])] = []
    for chunk in chunks {
      let at = Int(chunk.offset)
      if at < out.count {
        patches.append(chunk)
      } else {
        out += [UInt8](repeating: 0, count: at - out.count)
        out += chunk.bytes
      }
    }
    out += [UInt8](repeating: 0, count: Int(size) - out.count)
    for patch in patches {
      for (index, byte) in patch.bytes.enumerated() { out[Int(patch.offset) + index] = byte }
    }
    return out
  }

  /// Writes a sparse file.
  package func write(to path: URL) throws {
    try Data().write(to: path)
    let file = try FileHandle(forWritingTo: path)
    for chunk in chunks {
      try file.seek(toOffset: chunk.offset)
      try file.write(contentsOf: Data(chunk.bytes))
    }
    try file.truncate(atOffset: size)
    try file.close()
  }

  package static func le16(_ value: UInt16) -> [UInt8] { LittleEndian.bytes(value) }
  package static func le32(_ value: UInt32) -> [UInt8] { LittleEndian.bytes(value) }
  package static func le64(_ value: UInt64) -> [UInt8] { LittleEndian.bytes(value) }
}

/// A directory for a test's files, removed when the last reference goes.
package final class RecipeDirectory: Sendable {
  package let path: URL

  package init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "recipe-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
  }

  /// Writes a dump under this name and returns its path.
  package func write(_ bytes: [UInt8], as name: String) throws -> String {
    let file = path.appending(path: name)
    try Data(bytes).write(to: file)
    return file.path
  }

  /// The same for a file too large to hold in memory: it becomes a sparse one.
  package func write(_ file: RecipeFile, as name: String) throws -> String {
    let place = path.appending(path: name)
    try file.write(to: place)
    return place.path
  }

  deinit { try? FileManager.default.removeItem(at: path) }
}
