/// One record of a kernel's log, as printk keeps it. Its text is whatever the kernel wrote, and what a guest's kernel
/// wrote is whatever the guest likes.
public struct LogRecord: Sendable, Equatable {
  /// Its number since boot; `nil`: the buffer of kernels before 5.10 does not say.
  public var sequence: UInt64?
  /// `local_clock()` when it was written.
  public var nanoseconds: UInt64
  /// Who wrote it: with bit 31 the number of a CPU, else that of a task; `nil`: the kernel does not keep it.
  public var caller: UInt32?
  /// 0, an emergency, to 7, for debugging; `nil`: not known where it stands.
  public var level: UInt8?
  public var text: [UInt8]
}
