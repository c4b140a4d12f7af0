import CLinux
import Glibc

extension SystemError: CustomStringConvertible {
  /// "PATH: CALL: what the system says".
  public var description: String { "\(path): \(call): \(Self.text(of: code))" }

  /// What to do about an input that cannot be opened for what it is; `nil` where the system's text says enough.
  public var remedy: String? {
    switch code {
    case EISDIR: "name a file in it"
    case ESPIPE, ENOTBLK: "it cannot be read at any place: copy it to a file first"
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

/// Writes bytes to an open descriptor, whole; used for the terminal's two.
/// - Returns: `false` when it cannot be written to (a closed pipe, say).
@discardableResult
public func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  unsafe bytes.withUnsafeBytes { source in
    var done = 0
    while done < source.count {
      guard let base = source.baseAddress else { return true }
      // Safe: `source.count - done` bytes from `done` lie inside the array.
      let put = unsafe write(descriptor, base + done, source.count - done)
      if put < 0, errno == EINTR { continue }
      if put <= 0 { return false }
      done += put
    }
    return true
  }
}
