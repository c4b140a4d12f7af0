/// Why the log of a kernel cannot be read at all.
enum KernelLogFault: Error, Equatable, Sendable {
  /// No kernel that describes itself: what is known instead.
  case noKernel(String)
  /// VMCOREINFO names neither a ring nor a buffer.
  case noLog
  /// VMCOREINFO lacks the key, or has a value there that cannot be.
  case badKey(String, value: String?)
  /// Of kernels before 3.5.
  case plainText
  case unreadable(String, KernelReadFault)
  case tooLarge(String, claimed: UInt64, limit: UInt64)
}

extension KernelLogFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noKernel(let why): why
    case .noLog: "its VMCOREINFO says of no log where it stands (SYMBOL(prb) or SYMBOL(log_buf))"
    case .badKey(let key, nil): "its VMCOREINFO lacks \(key)"
    case .badKey(let key, let value?): "its VMCOREINFO has \(HostileText.escaped(value)) for \(key), which cannot be"
    case .plainText: "its log is plain text without records, as of kernels before 3.5, which are not read"
    case .unreadable(let what, let fault): "\(what): \(fault)"
    case .tooLarge(let what, let claimed, let limit):
      "\(what) claims to be \(claimed) bytes; up to \(limit) are read, as no kernel's is larger by default"
    }
  }
}
