/// The log of a Linux kernel in any physical memory, host's or guest's, record by record, the oldest first. Nothing that
/// stands there is believed: every place is checked, and no more is read than a log can have.
/// Source: kernel/printk/printk_ringbuffer.c (5.10 and newer), kernel/printk/printk.c (3.5 to 5.9).
public struct KernelLog: Sendable {
  private enum Form: Sendable {
    case ring(PrintkRing)
    case buffer(RecordBuffer)
  }
  private var form: Form

  /// Bytes of a log's text at most: CONFIG_LOG_BUF_SHIFT ends at 25, and four times that.
  static let byteLimit: UInt64 = 128 << 20
  /// Descriptors of a ring at most: one for every 32 bytes of text, as the kernel has it.
  static let recordLimit: UInt64 = byteLimit / 32

  /// - Throws: why there is nothing to read.
  init(_ kernel: LinuxKernel, _ vmcoreinfo: VMCoreInfo) throws(KernelLogFault) {
    let keys = LogKeys(vmcoreinfo: vmcoreinfo)
    if vmcoreinfo["SYMBOL(prb)"] != nil {
      form = .ring(try PrintkRing(kernel, keys))
    } else if vmcoreinfo["SYMBOL(log_buf)"] != nil {
      form = .buffer(try RecordBuffer(kernel, keys))
    } else {
      throw .noLog
    }
  }

  /// The log of the kernel that a dump's own VMCOREINFO describes.
  init(of vmcoreinfo: VMCoreInfo?, _ memory: any PhysicalMemory) throws(KernelLogFault) {
    guard let vmcoreinfo else { throw .noKernel("the dump has no VMCOREINFO, which says where the log is") }
    let kernel: LinuxKernel
    do throws(LinuxKernelFault) { kernel = try LinuxKernel(vmcoreinfo: vmcoreinfo, memory: memory) } catch {
      throw .noKernel("\(error)")
    }
    try self.init(kernel, vmcoreinfo)
  }

  /// The next record that can be read; `nil`: there is none any more.
  mutating func next() -> LogRecord? {
    switch form {
    case .ring(var ring):
      defer { form = .ring(ring) }
      return ring.next()
    case .buffer(var buffer):
      defer { form = .buffer(buffer) }
      return buffer.next()
    }
  }

  /// The next records, as many as are there but `limit`.
  mutating func next(_ limit: Int) -> [LogRecord] {
    var records: [LogRecord] = []
    while records.count < limit, let record = next() { records.append(record) }
    return records
  }

  /// Passes by records so that at most so many are left; of the older buffer, which has to be walked, all.
  /// - Returns: whether there were any.
  mutating func skip(toLast count: Int) -> Bool {
    switch form {
    case .ring(var ring):
      defer { form = .ring(ring) }
      return ring.skip(toLast: UInt64(max(0, count)))
    case .buffer(var buffer):
      defer { form = .buffer(buffer) }
      return buffer.leave()
    }
  }

  /// What could not be read of it so far, in few lines; none: it is whole.
  var losses: [String] {
    switch form {
    case .ring(let ring): ring.losses.lines
    case .buffer(let buffer): buffer.losses.lines
    }
  }
}

/// What of a log could not be read.
struct LogLosses: Sendable {
  /// Records, or where one may stand, whose bytes cannot be had, and the first reason.
  private(set) var unreadable: UInt64 = 0
  private var first: KernelReadFault?
  /// Records that say of themselves what cannot be.
  private(set) var broken: UInt64 = 0
  /// Why reading ended early.
  var cut: String?

  mutating func add(unreadable count: UInt64, _ fault: KernelReadFault) {
    unreadable += count
    if first == nil { first = fault }
  }

  mutating func addBroken() { broken += 1 }

  var lines: [String] {
    var lines: [String] = []
    if unreadable > 0 {
      lines.append("\(unreadable) records cannot be read" + (first.map { ", the first because \($0)" } ?? ""))
    }
    if broken > 0 { lines.append("\(broken) records are damaged") }
    if let cut { lines.append(cut) }
    return lines
  }
}
