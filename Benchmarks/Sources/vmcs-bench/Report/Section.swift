/// A part of the results under its own heading: tables and notes, in order.
struct Section: Sendable {
  let title: String
  let parts: [String]
}
