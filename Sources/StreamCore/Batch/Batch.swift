import FoundationEssentials

/// What is asked of a batch: which dumps, where to, and with what means. Each dump is worked on by a child that runs this
/// very program, so that one that traps, or that the system ends for its memory, ends alone.
public struct Batch: Sendable {
  /// Folders, files and patterns.
  public var sources: [String]
  /// Where the journal and a directory for each dump go; created when it is not there.
  public var output: String
  /// Dumps that are worked on at a time.
  public var jobs = 1
  /// Threads of all jobs together.
  public var threads = 1
  /// Bytes of all jobs together.
  public var memory: UInt64 = 256 << 20
  /// Guests are listed and not written.
  public var isList = false
  /// Only dumps of this time and newer, seconds since 1970.
  public var since: Int64?
  public var shard: BatchShard?
  /// How often a dump is tried again where reading or writing failed, or there was no room.
  public var retries = 2
  /// Seconds before that; where there is more room again, it goes on at once.
  public var pause = 60.0
  /// Seconds that the work on one dump may take before it is ended; `nil`: as long as it does.
  public var timeLimit: Double?
  /// After a failure the rest is done all the same.
  public var keepsGoing = true
  /// Options that `split` or `list` is given for each dump, last of all.
  public var childOptions: [String] = []
  /// What the work is told of by, on any thread.
  public var note: @Sendable (BatchNote) -> Void = { _ in }

  /// The least memory that a job can have, bytes.
  public static let leastMemory: UInt64 = 16 << 20

  public init(sources: [String], output: String) {
    self.sources = sources
    self.output = output
  }

  /// Works on all that is not done.
  /// - Throws: an error that `Failure` knows, where nothing can be begun or the batch was told to end.
  public func run(_ cancellation: Cancellation) throws -> BatchSummary {
    try BatchWork(self, cancellation).run()
  }

  /// What a child is given beside its dump.
  var means: [String] {
    let jobs = UInt64(max(1, jobs))
    return [
      "--no-progress", "--quiet", "--threads", "\(max(1, threads / Int(jobs)))", "--memory",
      "\(max(Self.leastMemory, memory / jobs))",
    ] + childOptions
  }

  /// The sources that a list names, each ended by NUL if there is one, else one a line.
  /// - Parameter path: `-` is standard input, which may be a pipe.
  public static func sources(inList path: String) throws -> [String] {
    do throws(SystemError) {
      return BatchSources.paths(ofList: try ProcessSurroundings.text(of: path, limit: 256 << 20))
    } catch { throw HostDumpError.system(error) }
  }
}

/// What happens in a batch, for who watches it.
public enum BatchNote: Sendable {
  /// A dump is done, this time or before.
  case ended(BatchSummary.Dump, done: Int, of: Int)
  /// It will be tried again.
  case again(path: String, reason: String)
  /// There is no room for its output; it will be tried again when there is more.
  case waitsForRoom(path: String, reason: String)
  /// Another run works on it.
  case waitsForOther(path: String)
}
