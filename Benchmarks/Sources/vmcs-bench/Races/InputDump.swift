import Foundation

/// A host dump that contenders read.
struct InputDump: Sendable {
  /// How results name it: the host and its codec.
  let title: String
  /// The codec's name as vmcs-split writes it.
  let codec: String
  /// Where it comes from, for the reader of the results.
  let origin: String
  let path: String

  /// Bytes of the file.
  func size() throws(BenchError) -> Int {
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int else {
      throw .missing(
        what: path, advice: "--dumps or VMCS_SPLIT_DUMPS name the directory of the real host dumps")
    }
    return size
  }
}

extension InputDump {
  /// `vmcs-split list` of it.
  func list(_ programs: Programs) -> Entry {
    .ready(
      Contender(
        name: "list", meaning: "`vmcs-split list DUMP`",
        commands: [Command(program: programs.vmcsSplit, arguments: ["list", path])], product: .text(quoted: false)))
  }

  /// Puts the file out of the page cache and reads it in again from start to end. A file that was just written can lie
  /// there in small pieces, and to map those costs more than half of a short run.
  func readIn(_ programs: Programs, _ workspace: Workspace) throws {
    for command in [
      Command(program: programs.sync, arguments: ["-d", path]),
      // Without blocks it only advises the kernel to let go of the file.
      Command(program: programs.dd, arguments: ["if=\(path)", "iflag=nocache", "count=0", "status=none"]),
      Command(program: programs.dd, arguments: ["if=\(path)", "of=/dev/null", "bs=1M", "status=none"]),
    ] {
      _ = try workspace.run(command, for: "reading in")
    }
  }
}

/// The real host dumps, in the order of the results. One line more measures one dump more.
let realDumps = [
  (host: "haswell", codec: "lzo", file: "host.lzo.kdump"),
  (host: "haswell", codec: "zlib", file: "host.zlib.kdump"),
  (host: "amd", codec: "lzo", file: "host.lzo.kdump"),
  (host: "amd", codec: "zlib", file: "host.zlib.kdump"),
]

/// A host for `host-maker`.
struct HostOrder: Sendable {
  /// GiB of the host; guests own three quarters unless `guestSize` says otherwise.
  var gigabytes: Int
  var guests = 8
  /// "huge", "shuffled" or "half".
  var backing = "huge"
  var codec = "lzo"
  var guestSize: String?
  var sharesData = false
  /// The kernel describes itself, so that nothing needs to be looked for.
  var describes = false
  /// Its processors are AMD's.
  var isAMD = false

  var arguments: [String] {
    var arguments = ["--size", "\(gigabytes)G", "--guests", "\(guests)", "--backing", backing, "--codec", codec]
    if let guestSize { arguments += ["--guest-size", guestSize] }
    if sharesData { arguments.append("--shared-data") }
    if describes { arguments.append("--describe") }
    if isAMD { arguments.append("--amd") }
    return arguments
  }

  private var backingText: String {
    switch backing {
    case "huge": "2 MiB pages"
    case "shuffled": "shuffled 4 KiB pages"
    default: "half 2 MiB, half shuffled 4 KiB pages"
    }
  }

  var title: String {
    "generated \(gigabytes) GiB, \(codec), \(guests) guests, \(backingText)" + (describes ? ", described" : "")
      + (isAMD ? ", AMD" : "")
  }

  /// Makes the dump, lends it, and removes it.
  /// - Parameters:
  ///   - name: of the file; inputs that are there at one time need two.
  ///   - image: physical memory as it is, made and removed with the dump.
  func with<Result>(
    _ programs: Programs, _ workspace: Workspace, name: String = "input", image: String? = nil,
    _ body: (InputDump) throws -> Result
  ) throws -> Result {
    let path = workspace.root.appending(path: "\(name).kdump").path
    let image = image.map { ["--image", $0] } ?? []
    defer { for file in [path] + image.dropFirst() { try? FileManager.default.removeItem(atPath: file) } }
    let made = try workspace.run(
      Command(program: programs.hostMaker, arguments: arguments + image + [path]), for: "host-maker")
    let command = (["host-maker"] + arguments).joined(separator: " ")
    return try body(
      InputDump(
        title: title, codec: codec, origin: "made by `\(command)`: \(made.output)", path: path))
  }
}
