/// `list` of a host whose kernel names all regions, beside a look at every page all the same.
struct DescribedRace {
  let input: InputDump
  let programs: Programs

  func prepare() -> Race {
    Race(
      title: input.title, facts: ["the host dump: \(input.origin)"],
      entries: Self.contenders(input, programs).map { .ready($0) },
      comparisons: [Comparison(title: "list --scan ÷ list", over: ["list --scan"], under: ["list"])])
  }

  static func contenders(_ input: InputDump, _ programs: Programs, isWatched: Bool = false) -> [Contender] {
    [[], ["--scan"]].map { options in
      Contender(
        name: (["list"] + options).joined(separator: " "),
        meaning: "`vmcs-split \((["list"] + options).joined(separator: " ")) DUMP`",
        commands: [Command(program: programs.vmcsSplit, arguments: ["list"] + options + [input.path])],
        product: .text(quoted: false), isWatched: isWatched)
    }
  }
}
