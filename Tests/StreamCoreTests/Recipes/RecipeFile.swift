import Foundation

/// A dump file in the making: chunks at offsets, zeros between them. Cheap for files far larger than what they hold.
struct RecipeFile: Sendable {
  private(set) var chunks: [(offset: UInt64, bytes: [UInt8])] = []
  private(set) var size: UInt64 = 0

  /// Later chunks win where they overlap earlier ones.
  mutating func put(_ bytes: [UInt8], at offset: UInt64) {
    guard !bytes.isEmpty else { return }
    chunks.append((offset, bytes))
    grow(to: offset + UInt64(bytes.count))
  }

  mutating func grow(to end: UInt64) { size = max(size, end) }

  /// The whole file.
  var bytes: [UInt8] {
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
  func write(to path: URL) throws {
    try Data().write(to: path)
    let file = try FileHandle(forWritingTo: path)
    for chunk in chunks {
      try file.seek(toOffset: chunk.offset)
      try file.write(contentsOf: Data(chunk.bytes))
    }
    try file.truncate(atOffset: size)
    try file.close()
  }

  static func le16(_ value: UInt16) -> [UInt8] { [UInt8(value & 0xff), UInt8(value >> 8)] }
  static func le32(_ value: UInt32) -> [UInt8] { le16(UInt16(value & 0xffff)) + le16(UInt16(value >> 16)) }
  static func le64(_ value: UInt64) -> [UInt8] { le32(UInt32(value & 0xffff_ffff)) + le32(UInt32(value >> 32)) }
}

/// A directory for a test's files, removed when the last reference goes.
final class RecipeDirectory: Sendable {
  let path: URL

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "recipe-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
  }

  /// Writes a dump under this name and returns its path.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    let file = path.appending(path: name)
    try Data(bytes).write(to: file)
    return file.path
  }

  /// The same for a file too large to hold in memory: it becomes a sparse one.
  func write(_ file: RecipeFile, as name: String) throws -> String {
    let place = path.appending(path: name)
    try file.write(to: place)
    return place.path
  }

  deinit { try? FileManager.default.removeItem(at: path) }
}
