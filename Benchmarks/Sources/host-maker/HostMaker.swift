import ArgumentParser

extension Backing: ExpressibleByArgument {}
extension Codec: ExpressibleByArgument {}

@main
struct HostMaker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "host-maker",
    abstract: "Writes the dump of a Linux/KVM host that never was, of any size, in bounded memory.",
    discussion: """
      kdump-compressed, header version 6, dump level 1. Pages compress like a real host's; the kernel, KVM's \
      structures, EPT and the guests' VMCOREINFO are there. The same options give the same file.
      """)

  @Option(help: "RAM of the host: bytes, or with K, M, G or T.")
  var size: ByteCount

  @Option(help: "RAM of all guests together. (default: three quarters of the host's)")
  var guestSize: ByteCount?

  @Option(help: "How many guests share it.")
  var guests: UInt64 = 8

  @Option(help: "vCPUs of each guest.")
  var vcpus: UInt64 = 2

  @Option(help: "Pages behind the guests: \(Backing.allCases.map(\.rawValue).joined(separator: ", ")).")
  var backing = Backing.huge

  @Option(help: "Codec of the pages: \(Codec.allCases.map(\.rawValue).joined(separator: ", ")).")
  var codec = Codec.lzo

  @Option(help: "Another host of the same kind.")
  var seed: UInt64 = 1

  @Flag(help: "Store each ordinary page once: all bitmaps and descriptors, little data.")
  var sharedData = false

  @Flag(help: "The kernel describes itself: names, types, processes with page tables, memory slots.")
  var describe = false

  @Flag(help: "The host's processors are AMD's.")
  var amd = false

  @Option(help: "Also write physical memory as it is to this file, sparse.")
  var image: String?

  @Argument(help: "The file to write.")
  var output: String

  var options: HostOptions {
    HostOptions(
      size: size.bytes, guestSize: guestSize?.bytes ?? size.bytes / 4 * 3, guests: guests, vcpusPerGuest: vcpus,
      backing: backing, codec: codec, seed: seed, sharesData: sharedData, describes: describe)
  }

  func validate() throws {
    if let fault = options.fault { throw ValidationError(fault) }
  }

  func run() throws {
    guard let codec = PageCodec(), let pool = PagePool.standard else {
      throw ValidationError("a codec library cannot start")
    }
    guard let kind = amd ? HostKind.amd : HostKind.standard else {
      throw ValidationError("the table of VMCS layouts is missing")
    }
    let summary = try KdumpFile(options, kind: kind, codec: codec, pool: pool).write(to: output, image: image)
    print(
      "\(summary.frames) frames, \(summary.zeroFrames) of them zero, \(summary.builtFrames) of the kernel and EPT, "
        + "\(summary.bytes) bytes")
  }
}

/// A number of bytes as people write it.
struct ByteCount: ExpressibleByArgument, Sendable, Equatable {
  var bytes: UInt64

  init?(argument: String) {
    let units: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
    let shift = argument.last.flatMap { units[$0] } ?? 0
    guard let number = UInt64(shift == 0 ? argument : String(argument.dropLast())), number < 1 << (63 - shift) else {
      return nil
    }
    bytes = number << shift
  }
}
