import ArgumentParser
import StreamCore

struct VMCSSplitCommand: ParsableCommand {
  static var _errorPrefix: String { "vmcs-split: " }

  static let configuration = CommandConfiguration(
    commandName: "vmcs-split", abstract: "Split the crash dump of a Linux/KVM host into one dump per guest.",
    version: toolVersion,
    subcommands: [SplitCommand.self, ListCommand.self, PageCommand.self, LayoutCommand.self])
}
