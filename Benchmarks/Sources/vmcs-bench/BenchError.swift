/// Why a benchmark run ends without a result. Every case names the contender, program or file that it is about.
enum BenchError: Error, Equatable, CustomStringConvertible {
  case missing(what: String, advice: String)
  case failed(contender: String, command: String, ending: ChildProcess.Ending, said: String)
  case noOutput(contender: String, what: String)
  case otherOutput(contender: String, file: String, expected: Int, found: Int)
  case unexpectedOutput(contender: String, file: String)
  case system(call: String, path: String, errno: Int32)

  var description: String {
    switch self {
    case .missing(let what, let advice):
      "\(what) is missing: \(advice)"
    case .failed(let contender, let command, let ending, let said):
      "\(contender) failed: `\(command)` ended with \(ending)" + (said.isEmpty ? "" : ", and said: \(said)")
    case .noOutput(let contender, let what):
      "\(contender) failed: it ended well, but \(what) is not there or empty"
    case .otherOutput(let contender, let file, let expected, let found):
      "\(contender) failed: \(file) should have \(expected) bytes, and has \(found)"
    case .unexpectedOutput(let contender, let file):
      "\(contender) failed: it wrote \(file), which does not belong there"
    case .system(let call, let path, let errno):
      "\(call) \(path): errno \(errno)"
    }
  }
}
