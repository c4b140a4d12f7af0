/// A median with the smallest and the largest of its values.
struct Spread: Equatable, Sendable {
  let median: Double
  let smallest: Double
  let largest: Double

  /// - Returns: nil when there is no value, or one that is no number.
  init?(of values: [Double]) {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last, values.allSatisfy(\.isFinite) else { return nil }
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    smallest = first
    largest = last
  }

  /// The ratios of the pairs (over[i], under[i]), which were measured in the same round.
  /// - Returns: nil when the two differ in length, or something took no measurable time.
  init?(ratiosOf over: [Double], to under: [Double]) {
    guard over.count == under.count else { return nil }
    self.init(of: zip(over, under).map { $0 / $1 })
  }
}
