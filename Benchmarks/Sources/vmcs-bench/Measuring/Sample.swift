/// What one run of a contender took.
struct Sample: Equatable, Sendable {
  /// Seconds on the clock, from before the process starts until it was waited for.
  var wall: Double
  /// Seconds of CPU in user mode, all threads.
  var user: Double
  /// Seconds of CPU in the kernel, all threads.
  var system: Double
  /// The largest resident set in bytes, mapped file pages included (`ru_maxrss`).
  var maxRSS: Int
  /// The largest anonymous resident set seen in bytes (`AnonSampler`); 0 when nobody looked.
  var maxAnon = 0
  /// Bytes that the block layer read for it (`ru_inblock`).
  var readBytes = 0

  static let zero = Sample(wall: 0, user: 0, system: 0, maxRSS: 0)

  var cpu: Double { user + system }

  /// One after the other: times add up, memory does not.
  static func + (first: Sample, second: Sample) -> Sample {
    Sample(
      wall: first.wall + second.wall, user: first.user + second.user, system: first.system + second.system,
      maxRSS: max(first.maxRSS, second.maxRSS),
      maxAnon: max(first.maxAnon, second.maxAnon), readBytes: first.readBytes + second.readBytes)
  }
}
