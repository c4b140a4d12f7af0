import Testing

/// Fails with a line for each fault, if there is one.
func expectNone(of faults: [String], sourceLocation: SourceLocation = #_sourceLocation) {
  guard !faults.isEmpty else { return }
  Issue.record(Comment(rawValue: faults.joined(separator: "\n")), sourceLocation: sourceLocation)
}
