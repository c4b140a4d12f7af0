/// How the kernel half of a process's top-level table compares with the kernel's own.
enum KernelHalf: Equatable, Sendable {
  case same
  case unreadable
  /// An entry that both have names different frames.
  case differs(entry: Int)
  /// An entry that every process has (the kernel image's, the direct map's) is absent.
  case missing(entry: Int)
}

extension KernelHalf: CustomStringConvertible {
  var description: String {
    switch self {
    case .same: "the kernel half is the kernel's"
    case .unreadable: "the dump lacks the page"
    case .differs(let entry): "entry \(entry) names another frame"
    case .missing(let entry): "entry \(entry) is not present"
    }
  }
}
