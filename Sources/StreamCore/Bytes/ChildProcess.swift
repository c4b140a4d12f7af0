import CLinux
import Glibc

/// This program once more, as a child that does one piece of work and does not outlive the thread that waits for it:
/// what ends the child ends nothing else.
public struct ChildProcess: Sendable {
  /// How it ended.
  public struct End: Sendable, Equatable {
    /// Its exit status; `nil`: a signal ended it.
    public var status: Int32?
    /// The signal that ended it, 0: none.
    public var signal: Int32 = 0
    /// It was ended because it took too long.
    public var isLate = false
    /// The last bytes that it wrote to standard error, and to standard output where that was asked for.
    public var errors: [UInt8] = []
    public var output: [UInt8] = []
  }

  /// Signals that others send, in place of a fault of the program's own.
  enum Signals {
    static let ofOthers: Set<Int32> = [SIGKILL, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGXCPU]
  }

  /// What is kept of a stream, bytes: of standard error the end, of standard output the beginning.
  private static let kept = 64 << 10
  /// A child that is late has so much time to end by itself.
  private static let grace = Duration.seconds(5)

  /// Runs the program with these arguments to its end.
  /// - Parameters:
  ///   - output: where its standard output goes; `nil`: into the end's `output`.
  ///   - claim: held open until the child has ended, whatever becomes of us.
  ///   - seconds: after so many it is told to end, and some time later ended; `nil`: it may take as long as it does.
  ///   - isUnwanted: asked several times a second; once it says so, the child is told to end.
  static func run(
    _ arguments: [String], output: OutputFile? = nil, claim: SharedLog.Claim? = nil, seconds: Double? = nil,
    isUnwanted: () -> Bool
  ) throws(SystemError) -> End {
    let errors = try Pipe()
    let spoken = try Pipe()
    let child = try start(
      ["vmcs-split"] + arguments, output: output?.openDescriptor ?? spoken.writer, errors: errors.writer,
      held: claim?.openDescriptor ?? -1)
    errors.closeWriter()
    spoken.closeWriter()
    var end = End()
    var isTold = false
    let limit = seconds.map { ContinuousClock.now + .seconds($0) }
    while errors.isOpen || spoken.isOpen {
      errors.take { end.errors = Array((end.errors + $0).suffix(kept)) }
      spoken.take { end.output += $0.prefix(max(0, kept - end.output.count)) }
      if !isTold, isUnwanted() {
        _ = kill(child, SIGTERM)
        isTold = true
      }
      if let limit, ContinuousClock.now > limit, !end.isLate || ContinuousClock.now > limit + grace {
        _ = kill(child, end.isLate ? SIGKILL : SIGTERM)
        end.isLate = true
      }
      Pipe.wait(for: [errors, spoken], milliseconds: 100)
    }
    let status = clinux_wait_for_child(child)
    guard status >= 0 else { throw SystemError(call: "waitpid", path: "vmcs-split", code: errno) }
    if status < 256 { end.status = status } else { end.signal = status - 256 }
    return end
  }

  private static func start(
    _ arguments: [String], output: Int32, errors: Int32, held: Int32
  ) throws(SystemError) -> Int32 {
    let texts = arguments.map { PathText.terminated($0) }
    var starts: [Int] = []
    var block: [CChar] = []
    for text in texts {
      starts.append(block.count)
      block += text
    }
    // Safe: the block and the list live across the call; each word ends with a NUL, and a null pointer ends the list.
    let number = unsafe block.withUnsafeBufferPointer { words -> Int32 in
      guard let base = words.baseAddress else { return -1 }
      let list: [UnsafePointer<CChar>?] = unsafe starts.map { unsafe base + $0 } + [nil]
      return unsafe list.withUnsafeBufferPointer {
        unsafe clinux_start_child($0.baseAddress, output, errors, held)
      }
    }
    guard number > 0 else { throw SystemError(call: "fork", path: "vmcs-split", code: errno) }
    return number
  }
}

/// What a child writes and we read.
private final class Pipe {
  private let reader: Int32
  private(set) var writer: Int32
  private(set) var isOpen = true

  init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    // Safe: the call fills two numbers.
    let failed = unsafe ends.withUnsafeMutableBufferPointer { unsafe clinux_pipe($0.baseAddress) }
    (reader, writer) = (ends[0], ends[1])
    if failed != 0 { throw SystemError(call: "pipe2", path: "vmcs-split", code: errno) }
  }

  deinit {
    closeWriter()
    if reader >= 0 { _ = close(reader) }
  }

  func closeWriter() {
    if writer >= 0 { _ = close(writer) }
    writer = -1
  }

  /// Hands over what is there; closed once the child has ended.
  func take(_ body: ([UInt8]) -> Void) {
    while isOpen {
      var room = [UInt8](repeating: 0, count: 4096)
      // Safe: read writes at most as many bytes as the array has.
      let got = unsafe room.withUnsafeMutableBytes { unsafe read(reader, $0.baseAddress, $0.count) }
      if got > 0 {
        body(Array(room.prefix(got)))
      } else if got < 0, errno == EAGAIN || errno == EINTR {
        return
      } else {
        isOpen = false
      }
    }
  }

  static func wait(for pipes: [Pipe], milliseconds: Int32) {
    var list = pipes.filter(\.isOpen).map { pollfd(fd: $0.reader, events: Int16(POLLIN), revents: 0) }
    // Safe: the call fills the array.
    _ = unsafe list.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, nfds_t($0.count), milliseconds) }
  }
}
