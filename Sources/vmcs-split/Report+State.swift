import StreamCore

/// How the guests were: what their own kernels say is their word, and escaped.
extension Report {
  /// One line a guest, "-" where nothing is known.
  static func stateTable(_ guests: [Manifest.Guest]) -> String {
    guard guests.contains(where: { $0.state != nil }) else { return "" }
    var table = Table(
      ["GUEST", "UP", "LAST RAN", "TROUBLE", "LAST LOG LINE"], rightAligned: [0, 1], cuttable: [3, 4])
    for guest in guests {
      let state = guest.state
      table.add([
        "\(guest.id)", state?.uptime.map { "\(Seconds.text($0)) s" } ?? "-", lastRan(state), trouble(state),
        state?.lastLine.map(line) ?? "-",
      ])
    }
    return "\n" + table.text(width: Terminal.outputWidth)
  }

  private static func lastRan(_ state: Manifest.State?) -> String {
    switch state?.lastRan {
    case "at_crash": "at the crash"
    case "before": state?.notRunFor.map { "\(Seconds.text($0)) s before" } ?? "-"
    case "never": "never"
    default: "-"
    }
  }

  private static func trouble(_ state: Manifest.State?) -> String {
    guard let state else { return "-" }
    var parts: [String] = []
    if let panic = state.panic { parts.append(line(panic)) }
    if let oops = state.oops { parts.append("oops: \(line(oops))") }
    if let lockups = state.softLockups {
      parts.append("\(lockups.count) soft lockups, the first: \(line(lockups.first))")
    }
    if let hung = state.hungTasks { parts.append("\(hung.count) hung tasks, the first: \(line(hung.first))") }
    return parts.isEmpty ? "-" : parts.joined(separator: "; ")
  }

  /// The first of the lines of a record, as far as a table has room for it.
  private static func line(_ line: Manifest.Line) -> String {
    let text = line.text.split(separator: "\n", maxSplits: 1).first ?? ""
    let short = text.count > 60 ? text.prefix(57) + "..." : text
    return LogText.stamp(line.time).drop { $0 == " " } + HostileText.escaped(String(short))
  }

  /// How a guest's clock is told by the host's.
  static func clockLines(_ guest: Manifest.Guest) -> String {
    guard let clock = guest.clock else { return "" }
    if let why = clock.unknown {
      return "  clock: its stamps cannot be told by the host's: \(HostileText.escaped(why))\n"
    }
    guard let toHost = clock.toHost, let uncertainty = clock.uncertainty else { return "" }
    var text = "  clock: \(clock.source ?? "-"); its log's stamps and \(Seconds.signed(toHost)) s are the host's"
    text += ", within \((uncertainty + 999) / 1000) us"
    if let early = clock.early {
      text += "; those before its \(Seconds.text(early.until)) within \(Seconds.text(early.uncertainty)) s"
    }
    if let stops = clock.stops {
      text += "; if its VMM has stopped it, those before up to \(Seconds.text(stops)) s late"
    }
    return text + "\n"
  }
}

/// Times in seconds with milliseconds, as people read them.
enum Seconds {
  static func text(_ nanoseconds: UInt64) -> String {
    let milliseconds = String(nanoseconds / 1_000_000 % 1000)
    return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 3 - milliseconds.count) + milliseconds
  }

  static func signed(_ nanoseconds: Int64) -> String { (nanoseconds < 0 ? "-" : "") + text(nanoseconds.magnitude) }
}
