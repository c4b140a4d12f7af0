import HostModel

extension KeptTimeDescription {
  /// `timekeeping hpet 5000 38000000000 37000000000 0x…`: the clock source and what it counted, monotonic and raw time,
  /// `__gtod_offset`; then `stable`, `hypervisor OFFSET`, `tick COUNTER KEPT`.
  init(_ words: inout RecipeWords) throws(RecipeMistake) {
    self.init(
      source: try words.word("source"), cycles: try words.number("cycles"), monotonic: try words.number("monotonic"),
      raw: try words.number("raw"), offset: try words.number("offset"))
    isStable = words.take("stable")
    if words.take("hypervisor") { hypervisorOffset = try words.number("offset") }
    if words.take("tick") { tick = (try words.number("counter"), try words.number("kept")) }
  }
}
