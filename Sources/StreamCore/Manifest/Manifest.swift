import FoundationEssentials

public let toolVersion = "0.2.0"

/// `manifest.json`: what was read, found and written (Documentation/design.md §7). Keys are these properties' names in
/// snake_case; an optional that is `nil` is left out. Counters that depend on the run stand under `counters` alone.
public struct Manifest: Encodable, Sendable {
  public static let schemaName = "vmcs-split-manifest-1"
  /// Runs of bad pages that are listed for one guest at most.
  public static let maximumBadRuns = 10_000

  public var schema = Manifest.schemaName
  public var tool: Tool
  public var input: Input
  public var host: Host?
  /// Whose processors the host has: "Intel" or "AMD".
  public var vendor: String?
  public var layout: LayoutUsed?
  /// In place of `layout`, where no known layout reads the host's regions.
  public var unknownLayout: UnknownLayout?
  public var discovery: Discovery?
  public var guests: [Guest] = []
  public var defunct: [Defunct] = []
  public var warnings: [Warning] = []
  public var counters: [String: UInt64] = [:]

  init(tool: Tool, input: Input) {
    self.tool = tool
    self.input = input
  }

  public struct Tool: Encodable, Sendable {
    public var name: String
    public var version: String
  }

  public struct Input: Encodable, Sendable {
    public var files: [File]
    public var format: String
    public var headerVersion: Int?
    public var codecs: [String]
    public var dumpLevel: Int?
    public var kernelRelease: String?
    /// One past the highest page frame that the dump describes.
    public var frames: UInt64
    public var storedPages: UInt64

    public struct File: Encodable, Sendable {
      public var name: String
      /// The name's bytes, hexadecimal, where they are no UTF-8 and `name` shows them escaped.
      public var nameBytes: String?
      public var size: UInt64

      /// - Parameter path: the name, as `PathText` carries it.
      init(name path: String, size: UInt64) {
        self.size = size
        guard PathText.isCarried(path) else {
          name = path
          return
        }
        name = PathText.printable(path)
        nameBytes = PathText.bytes(of: path).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      }
    }
  }

  public struct LayoutUsed: Encodable, Sendable {
    public var id: String
    /// "catalogue", "vmcsinfo" (a note in the dump), "vmcsinfo-file" or "layout-file"; of AMD's VMCB "architecture".
    public var source: String
    /// Of the regions; a VMCB has none.
    public var revisionId: HexString?
    /// What in the dump speaks for it.
    public var evidence: LayoutEvidence
  }

  /// Of a host that the kernel alone tells of.
  public struct UnknownLayout: Encodable, Sendable {
    /// Of the regions that the kernel names, the most frequent first.
    public var revisionIds: [HexString]
    public var regions: Int
    /// Layouts of the catalogue that were tried, and why each is not this one.
    public var tried: [String]
    /// What came of inference, in words.
    public var inferred: String?
  }

  /// How the host's VMs were found.
  public struct Discovery: Encodable, Sendable {
    /// "kernel": by what the host's kernel says of itself; "content": by what pages look like; or "both".
    public var way: String
    /// Why not by the kernel alone, or what the kernel does not tell.
    public var why: String?
    /// The files that were given for the kernel's symbols and types.
    public var files: [SymbolFileUsed]?
  }

  public struct Guest: Encodable, Sendable {
    public var id: Int
    public var name: String
    public var eptp: [HexString]
    public var vcpus: [VCPU]
    /// Which VM it is; left out where the host's kernel does not tell its VMs.
    public var vm: VM?
    /// How it was at the crash; left out where nothing is known.
    public var state: State?
    public var clock: Clock?
    public var ram: [Range]
    /// Memory slots of the user's, ROM among them; left out where the host's kernel does not tell them.
    public var slots: [Slot]?
    public var pages: Pages
    /// The guests with which it shares host frames; left out where it shares none, or where that is not known.
    public var sharedWith: [String]?
    public var badPages: BadPages
    /// "descriptors": stored bytes were passed through unread; "pages": every page was decoded.
    public var checked: String?
    public var osrelease: String?
    public var output: Output?
    public var nested: [Guest] = []
    /// What the claim rests on that this is a guest of the host.
    public var evidence: Evidence
  }

  /// A VM by the process that runs it, its VMM. What is not known is left out, and `unknown` says why. Names, arguments
  /// and control groups are labels that a tenant may have chosen.
  public struct VM: Encodable, Sendable {
    public var name: String?
    /// "arguments", "cgroup", "files" or "process" (comm and pid).
    public var nameSource: String?
    /// What of the source says it: an option, a control group, paths; of "process", why no other source does.
    public var nameBy: [String]?
    public var uuid: String?
    public var pid: UInt64?
    public var uid: UInt64?
    public var comm: String?
    public var cgroup: String?
    /// Nanoseconds from the host's boot to the start of the VMM.
    public var started: UInt64?
    public var unknown: [String: String]
  }

  /// A thread of the VMM.
  public struct Thread: Encodable, Sendable {
    public var tid: UInt64
    public var comm: String?
  }

  public struct VCPU: Encodable, Sendable {
    public var index: Int
    public var apicId: UInt32?
    public var vmcs: HexString?
    public var vcpuId: UInt32?
    /// Which runs it.
    public var thread: Thread?
    public var exitReason: String?
    public var mpState: String?
    public var hostCpu: Int?
    public var registers: [String: RegisterEntry]
    public var fpu: FPU?
    public var unknown: [String]
    /// Why, by the names in `unknown`; not of everything there.
    public var reasons: [String: String]?
    /// Where the values beside the registers come from.
    public var sources: [String: String]
  }

  /// A register: its value, or a segment's selector, or a descriptor table's base.
  public struct RegisterEntry: Encodable, Sendable {
    public var value: HexString
    public var source: String
    public var base: HexString?
    public var limit: HexString?
    public var accessRights: HexString?
  }

  /// The x87, SSE and AVX registers.
  public struct FPU: Encodable, Sendable {
    public var source: String
    public var fcw: HexString
    public var fsw: HexString
    /// Abridged: a bit for each register that is not empty.
    public var ftw: HexString
    public var mxcsr: HexString
    /// ST0 to ST7, 80 bits each as "0x…".
    public var st: [String]
    /// XMM0 to XMM15, 128 bits each, or YMM0 to YMM15, 256 bits each, as "0x…".
    public var xmm: [String]?
    public var ymm: [String]?
  }

  /// A range of guest-physical addresses; `end` is one past the last byte.
  public struct Range: Encodable, Sendable {
    public var start: HexString
    public var end: HexString
  }

  /// A run of guest memory and where the VMM has it.
  public struct Slot: Encodable, Sendable {
    public var gpa: HexString
    public var bytes: UInt64
    public var hva: HexString
    /// As the VMM gave them to KVM: 1 log of dirty pages, 2 read-only.
    public var flags: HexString
  }

  /// Counts of 4 KiB pages. Where they are not counted, those that are read from a map are left out.
  public struct Pages: Encodable, Sendable {
    /// All pages of RAM and ROM that the guest has, absent ones too.
    public var known: UInt64?
    /// Of these, pages that EPT maps.
    public var ept: UInt64?
    /// Of these, pages that EPT does not map and the page tables of the VMM do; left out without memory slots.
    public var slots: UInt64?
    /// Of these, pages that EPT does not map and the page tables of the VMM do, within blocks that EPT shows there; only
    /// where memory slots are not known.
    public var join: UInt64?
    /// Of these, pages that only the page cache of a file has that the VMM maps.
    public var pageCache: UInt64?
    /// Of these, pages that are swapped out and that the host's kernel keeps compressed in memory; only where there are any.
    public var zswap: UInt64?
    /// Pages of the slots that the guest does not have, as nobody ever touched them.
    public var untouched: UInt64?
    /// Pages that hold nothing but zeros; before pages are read, those on the host kernel's zero pages.
    public var zero: UInt64?
    public var device: UInt64
    /// Host frames that other guests map as well, the kernel's zero pages apart: what KSM merged, or memory that VMMs
    /// share.
    public var shared: UInt64?
    /// Reason (`filtered`, `not_stored`, `lost`, `swapped`) to count.
    public var absent: [String: UInt64]
  }

  public struct BadPages: Encodable, Sendable {
    /// Damaged pages.
    public var count: UInt64
    /// Where they are, and the lost pages too, which count as absent.
    public var runs: [Run]

    public struct Run: Encodable, Sendable {
      public var gpa: HexString
      public var count: UInt64
      /// Where in the input, bytes.
      public var offset: UInt64
      public var reason: String
    }
  }

  public struct Output: Encodable, Sendable {
    public var file: String
    public var format: String
    public var codec: String
    public var bytes: UInt64
    /// Of the file, 64 hexadecimal digits; left out where it was not asked for.
    public var sha256: String?
  }

  public struct Warning: Encodable, Sendable, Equatable {
    public var code: WarningCode
    public var text: String
  }

  /// An address or register as "0x…".
  public struct HexString: Encodable, Sendable, Equatable {
    public var value: UInt64

    init(_ value: some BinaryInteger) { self.value = UInt64(truncatingIfNeeded: value) }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(hex(value))
    }
  }

  /// The document as UTF-8, keys sorted, ended by a line feed. Nothing in it moves a terminal's cursor.
  public func json() throws -> [UInt8] { try Self.text(of: self) }

  /// A document in the form of a manifest.
  static func text(of document: some Encodable) throws -> [UInt8] {
    let encoder = Self.encoder
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return Array(HostileText.escaped(json: String(decoding: try encoder.encode(document), as: UTF8.self)).utf8) + [0x0a]
  }

  /// A document whose keys are as they shall be, in the same form.
  static func text(of document: JSONValue) throws -> [UInt8] {
    Array(HostileText.escaped(json: String(decoding: try encoder.encode(document), as: UTF8.self)).utf8) + [0x0a]
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
