import Foundation
import Glibc

/// One program call. `program` is a path.
struct Command: Equatable, Sendable {
  var program: String
  var arguments: [String]

  /// As it is named in messages.
  var text: String { ([program] + arguments).joined(separator: " ") }
}

/// Whole processes, measured. swift-subprocess waits for its children itself and does not hand out `rusage`, hence
/// posix_spawn(3) and wait4(2) by hand; the only unsafe code of this package is here.
enum ChildProcess {
  enum Ending: Equatable, Sendable, CustomStringConvertible {
    case exit(Int32)
    case signal(Int32)

    /// A status of wait4(2), for a process that has ended (not stopped).
    init(waitStatus: Int32) {
      let signal = waitStatus & 0x7f
      self = signal == 0 ? .exit((waitStatus >> 8) & 0xff) : .signal(signal)
    }

    var description: String {
      switch self {
      case .exit(let status): "exit status \(status)"
      case .signal(let number): "signal \(number)"
      }
    }
  }

  /// Runs the command to its end: standard input is empty, output and errors go to the named files (made anew), the
  /// environment is ours with `LC_ALL=C`. `isWatched`: its anonymous memory is sampled.
  static func run(
    _ command: Command, output: String, errors: String, isWatched: Bool = false
  ) throws(BenchError) -> (Ending, Sample) {
    var environment = ProcessInfo.processInfo.environment
    environment["LC_ALL"] = "C"
    let variables = environment.map { "\($0.key)=\($0.value)" }
    let clock = ContinuousClock()
    let start = clock.now
    let pid = try spawn(command, environment: variables, output: output, errors: errors)
    let sampler = isWatched ? AnonSampler(pid: pid) : nil
    var status: Int32 = 0
    var usage = rusage()
    // Both live until the call returns, and the kernel writes within them.
    while unsafe wait4(pid, &status, 0, &usage) < 0 {
      let code = errno
      guard code == EINTR else {
        _ = sampler?.stop()
        throw .system(call: "wait4", path: command.program, errno: code)
      }
    }
    let wall = start.duration(to: clock.now)
    let sample = Sample(
      wall: wall / .seconds(1), user: seconds(usage.ru_utime), system: seconds(usage.ru_stime),
      maxRSS: usage.ru_maxrss * 1024, maxAnon: sampler?.stop() ?? 0,
      readBytes: usage.ru_inblock * 512)
    return (Ending(waitStatus: status), sample)
  }

  private static func spawn(
    _ command: Command, environment: [String], output: String, errors: String
  ) throws(BenchError) -> pid_t {
    let create = O_WRONLY | O_CREAT | O_TRUNC
    var pid: pid_t = 0
    var actions = unsafe posix_spawn_file_actions_t()
    // `actions` is initialised before and destroyed after all other uses; the calls copy the paths.
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, create, 0o600)
    unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, create, 0o600)
    // Both arrays end in nil and outlive the call; the child has its own copies after it.
    let arguments = unsafe CStrings([command.program] + command.arguments)
    let variables = unsafe CStrings(environment)
    let code = unsafe posix_spawn(&pid, command.program, &actions, nil, arguments.pointers, variables.pointers)
    unsafe arguments.free()
    unsafe variables.free()
    guard code == 0 else { throw .system(call: "posix_spawn", path: command.program, errno: code) }
    return pid
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }
}

/// An argument vector as C wants it: copies that `free` gives back.
@unsafe private struct CStrings {
  let pointers: [UnsafeMutablePointer<CChar>?]

  init(_ strings: [String]) {
    unsafe pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
  }

  func free() {
    unsafe pointers.forEach { unsafe Glibc.free($0) }
  }
}
