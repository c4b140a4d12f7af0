import Foundation
import HostRecipes
import Testing

/// The program itself, as the build that made these tests has made it, run as a process of its own: what only a whole
/// process shows are its exit status, its messages and its memory.
struct BuiltTool {
  /// How one run ended.
  struct Outcome {
    /// As a shell has it: 128 and the signal's number when one ended it.
    var status: Int32
    /// Standard error.
    var messages: String
    /// The most anonymous memory seen, in bytes; it is looked at every few milliseconds.
    var peak: UInt64
    var seconds: Double
  }

  /// Far beyond what any run takes, on any machine: only so that the tests end.
  private static let patience = Duration.seconds(1800)
  private let program: URL

  init() throws {
    // The tests' own program lies beside it.
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let places = [own.deletingLastPathComponent()] + Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    let programs = places.map { $0.appending(path: "vmcs-split") }
    program = try #require(
      programs.first { FileManager.default.isExecutableFile(atPath: $0.path) },
      "vmcs-split is not built beside the tests, at none of \(programs.map(\.path)); swift build builds it")
  }

  /// Runs it to the end, or to the limits: 120 seconds of CPU, however loaded the machine is, and 2 GiB of memory of its
  /// own, which a run that has lost its bounds would soon have taken. One that waits for ever ends as a time-out.
  func run(_ arguments: [String], in directory: RecipeDirectory) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
    process.arguments = ["--data=\(2 << 30)", "--core=0", "--cpu=120:125", program.path] + arguments
    let messages = directory.path.appending(path: "messages")
    try Data().write(to: messages)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: messages)
    let clock = ContinuousClock()
    let start = clock.now
    try process.run()
    var peak: UInt64 = 0
    while process.isRunning {
      peak = max(peak, Self.anonymousMemory(of: process.processIdentifier))
      if clock.now - start > Self.patience {
        Issue.record("time-out: \(arguments) did not end within \(Self.patience)")
        kill(process.processIdentifier, SIGKILL)
        break
      }
      Thread.sleep(forTimeInterval: 0.003)
    }
    process.waitUntilExit()
    let seconds = (clock.now - start) / .seconds(1)
    let signal: Int32 = process.terminationReason == .uncaughtSignal ? 128 : 0
    return Outcome(
      status: signal + process.terminationStatus,
      messages: String(decoding: try Data(contentsOf: messages), as: UTF8.self), peak: peak, seconds: seconds)
  }

  /// RssAnon of a process, in bytes; 0 when it has ended. Source: proc(5).
  private static func anonymousMemory(of process: Int32) -> UInt64 {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") })
    else { return 0 }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) }.map { $0 * 1024 } ?? 0
  }
}
