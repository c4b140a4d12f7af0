import CLinux
import Glibc

extension SystemError: CustomStringConvertible {
  /// Nobody reads the other end of a pipe any more.
  public var isClosedPipe: Bool { code == EPIPE }

  private static let noRoom = [ENOSPC, EDQUOT, EFBIG]

  /// There is no room for a file, or a limit of room is reached.
  var isOfNoRoom: Bool { Self.noRoom.contains(code) }

  /// What the system says then.
  static var ofNoRoom: [String] { noRoom.map(text) }

  /// "PATH: CALL: what the system says".
  public var description: String { "\(path): \(call): \(Self.text(of: code))" }

  /// What to do about an input that cannot be opened for what it is; `nil` where the system's text says enough.
  public var remedy: String? {
    switch code {
    case EISDIR: "name a file in it"
    case ESPIPE: "nothing comes through this pipe: give a file, or a pipe that someone writes a dump into"
    case ENOTBLK: "what is needed is a regular file or a block device"
    default: nil
    }
  }

  /// The system's text for an errno.
  static func text(of code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    // Safe: it writes at most `count` bytes with a NUL into the array's own storage.
    let failed = unsafe buffer.withUnsafeMutableBufferPointer { room in
      unsafe clinux_error_text(code, room.baseAddress, room.count) != 0
    }
    if failed { return "error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
