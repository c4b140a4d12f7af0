import CLinux

/// What the program was called with.
public enum ProcessArguments {
  /// Without the program's own name. Those that are no UTF-8 are carried as `PathText` says. Where /proc is missing,
  /// Swift's own list is empty, and this one is not.
  public static var all: [String] {
    (1..<max(1, clinux_argument_count())).compactMap { index in
      guard let argument = unsafe clinux_argument(index) else { return nil }
      // Safe: it ends with a NUL and is not changed.
      return unsafe PathText.text(
        of: UnsafeBufferPointer(start: argument, count: length(argument)).map(UInt8.init(bitPattern:)))
    }
  }

  private static func length(_ text: UnsafePointer<CChar>) -> Int {
    var count = 0
    // Safe: the text ends with a NUL.
    while unsafe text[count] != 0 { count += 1 }
    return count
  }
}
