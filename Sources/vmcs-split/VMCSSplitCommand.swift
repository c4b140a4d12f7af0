import ArgumentParser
import StreamCore

struct VMCSSplitCommand: ParsableCommand {
  /// Version, commit and codecs.
  private static var version: String {
    "vmcs-split \(toolVersion), commit \(ProcessSurroundings.commit)\ncodecs: "
      + PageCodec.allCases.map(\.name).joined(separator: ", ")
  }

  static var _errorPrefix: String { "vmcs-split: " }

  static let configuration = CommandConfiguration(
    commandName: "vmcs-split", abstract: "Split the crash dump of a Linux/KVM host into one dump per guest.",
    discussion: """
      Begin with 'vmcs-split list DUMP', and then:

        vmcs-split split /var/crash/vmcore --output guests
        vmcs-split split vmcore -o guests --guest 2 --format elf
        vmcs-split page vmcore --guest 2 --gpa 0x1000 --raw | hexdump -C

      Exit status: 0 nothing is missing; 1 something is, see the manifest; 64 wrong usage; 65 no host dump that can be \
      used; 66 it cannot be opened; 69 no sign of a guest; 70 a defect; 73 an output cannot be created; 74 reading or \
      writing failed; 128 + N ended by signal N.

      Completion: vmcs-split --generate-completion-script bash (or zsh, fish) prints a script for your shell.
      """,
    version: version,
    subcommands: [
      SplitCommand.self, ListCommand.self, VCPUsCommand.self, LogCommand.self, PageCommand.self, LayoutCommand.self,
      BatchCommand.self, VerifyCommand.self, BatchLookCommand.self,
    ])
}
