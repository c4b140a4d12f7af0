import Foundation

/// What a forensic analyst reaches for today: Volatility's search for VMCS regions, and a short script that copies one
/// guest.
struct PythonRace {
  let input: InputDump
  /// The host's memory as it is.
  let image: String
  let programs: Programs
  let workspace: Workspace

  private struct Document: Decodable {
    struct Guest: Decodable { var eptp: [String] }
    var guests: [Guest]
  }

  func prepare() throws -> Race {
    let json = try workspace.run(
      Command(program: programs.vmcsSplit, arguments: ["list", input.path, "--json"]), for: "list --json"
    ).output
    guard let pointer = try JSONDecoder().decode(Document.self, from: Data(json.utf8)).guests.first?.eptp.first else {
      throw BenchError.noOutput(contender: "list --json", what: "a guest with an EPT pointer")
    }
    return Race(
      title: "\(input.title), Python",
      facts: ["the host dump, \(input.origin), has \(try input.size()) bytes"],
      entries: [input.list(programs), volatility(), try split(), copy(pointer)],
      comparisons: [
        Comparison(title: "volatility ÷ list", over: ["volatility"], under: ["list"]),
        Comparison(title: "ept_copy ÷ split", over: ["ept_copy"], under: ["split"]),
      ])
  }

  private func volatility() -> Entry {
    let name = "volatility"
    guard let vol = programs.volatility.path else {
      return .skipped(name: name, reason: programs.volatility.reason)
    }
    return .ready(
      Contender(
        name: name, meaning: "`vol -q -f IMAGE vmscan.Vmscan`: VMCS regions in the host's memory as it is",
        commands: [Command(program: vol, arguments: ["-q", "-f", image, "vmscan.Vmscan"])],
        product: .text(quoted: false)))
  }

  private func split() throws -> Entry {
    let directory = workspace.directory("split")
    let command = Command(
      program: programs.vmcsSplit, arguments: ["split", input.path, "--guest", "1", "--output", directory.path])
    let reference = try workspace.empty("split")
    _ = try workspace.run(command, for: "split")
    let written = try Workspace.files(in: reference)
    try FileManager.default.removeItem(at: reference)
    return .ready(
      Contender(
        name: "split", meaning: "`vmcs-split split DUMP --guest 1 --output OUT`; it syncs", commands: [command],
        product: .guests(directory: "split", written)))
  }

  private func copy(_ pointer: String) -> Entry {
    let name = "ept_copy"
    guard let python = programs.python.path else { return .skipped(name: name, reason: programs.python.reason) }
    let output = workspace.directory(name).appending(path: "guest.raw")
    return .ready(
      Contender(
        name: name, meaning: "`ept_copy.py DUMP EPTP OUT`: the same guest as raw memory; it does not sync",
        commands: [
          Command(program: python, arguments: [programs.copyScript, input.path, pointer, output.path])
        ],
        product: .files(directory: name, sizes: ["guest.raw": nil])))
  }
}
