import ArgumentParser
import StreamCore

struct PageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "page", abstract: "Print pages of one guest's memory.",
    discussion: "A hex dump, or with --raw the bytes themselves.")

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("The guest, by number, name, PID of its VMM or UUID.", valueName: "guest"))
  var guest: String

  @Option(
    help: ArgumentHelp(
      "Guest-physical address, as 0x1000; the page that holds it is printed.", valueName: "address"))
  var gpa: String

  @Option(help: "How many pages.")
  var count: UInt64 = 1

  @Flag(help: "The bytes themselves, for a pipe.")
  var raw = false

  func validate() throws {
    guard address != nil else { throw ValidationError("--gpa takes an address as 0x1000, not \(gpa)") }
    guard (1...1 << 20).contains(count) else { throw ValidationError("--count takes 1 to 1048576, not \(count)") }
    if common.json { throw ValidationError("page has no --json: its output is bytes") }
  }

  private var address: GPA? {
    let digits = gpa.hasPrefix("0x") || gpa.hasPrefix("0X") ? gpa.dropFirst(2) : gpa[...]
    return UInt64(digits, radix: gpa.count == digits.count ? 10 : 16).map(GPA.init(rawValue:))
  }

  func run() throws {
    guard let address else { return }
    try runCommand(common) { workers, progress in
      let inspection = try Inspection.run(
        paths: common.dumps, try common.inspection(.page, workers, progress))
      try inspection.forEachPage(from: address, count: count, of: guest) { page, start in
        Terminal.bytes(raw ? page.bytes : Array(hexDump(page, start).utf8))
      }
      return .complete
    }
  }

  private func hexDump(_ page: Page, _ start: GPA) -> String {
    var text = ""
    for line in stride(from: 0, to: pageSize, by: 16) {
      let bytes = page.bytes[line..<line + 16]
      let hexColumn = bytes.enumerated().map { ($0 == 8 ? "  " : " ") + hexByte($1) }.joined()
      let characters = bytes.map { (0x20...0x7e).contains($0) ? Character(UnicodeScalar($0)) : "." }
      let address = String(start.rawValue + UInt64(line), radix: 16)
      text += String(repeating: "0", count: max(0, 10 - address.count)) + address + " " + hexColumn + "  |"
      text += String(characters) + "|\n"
    }
    return text
  }

  private func hexByte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
