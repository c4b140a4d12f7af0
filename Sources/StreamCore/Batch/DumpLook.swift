/// What a batch wants to know of a file before it is worked on. A child looks, so that no file can end the batch.
///
/// The identity is SHA-256 of all bytes and nothing less: of two copies one may have a hole or a damaged block anywhere,
/// and be no duplicate of the whole one. The sample says which shard a dump belongs to and costs a few reads: equal
/// contents have equal samples, which is all that sharding needs.
public struct DumpLook: Codable, Sendable, Equatable {
  /// It begins as a dump does, be it one that is not read.
  var isDump: Bool
  /// Why it is none.
  var why: String?
  /// Bytes.
  var size: UInt64
  /// SHA-256 of the size, of the first MiB and of 64 pieces of 4 KiB at equal distances; of a part of a set, what names
  /// the set.
  var sample: String?
  /// SHA-256 of all bytes; left out where the file is not asked for.
  var identity: String?
  /// When the host crashed, seconds since 1970: VMCOREINFO's CRASHTIME.
  var crashTime: Int64?
  /// It is one of several files of a dump.
  var part: DumpPart?

  /// What is asked for beyond what the file is.
  public struct Question: Sendable {
    /// Also of a file that does not begin as a dump does.
    var isNamed: Bool
    /// Only of dumps of this time and newer, seconds since 1970.
    var since: Int64?
    /// The file's own time, where the dump has none.
    var fileTime: Int64
    var shard: BatchShard?

    public init(isNamed: Bool, since: Int64?, fileTime: Int64, shard: BatchShard?) {
      self.isNamed = isNamed
      self.since = since
      self.fileTime = fileTime
      self.shard = shard
    }

    /// Whether the identity is worth reading all of a dump.
    func wants(_ look: DumpLook) -> Bool {
      guard look.isDump || isNamed else { return false }
      return (since.map { look.crashTime ?? fileTime >= $0 } ?? true)
        && (shard.map { $0.has(look.sample ?? "") } ?? true)
    }
  }

  /// Looks at a file.
  /// - Throws: `Failure` or `SystemError` where it cannot be read.
  public static func look(at path: String, _ question: Question) throws -> DumpLook {
    let file: InputFile
    do throws(SystemError) { file = try InputFile(path: path, mapped: false) } catch {
      throw HostDumpError.system(error)
    }
    var look = DumpLook(isDump: true, size: file.size)
    do throws(HostDumpError) {
      look.part = try DumpPart(ByteSource(file))
      look.crashTime = try openHostDump(ByteSource(file)).vmcoreinfo?["CRASHTIME"].flatMap { Int64($0) }
    } catch {
      switch error {
      case .unknown(_, let found):
        // Its time is not known before it is unwrapped.
        do throws(SystemError) { look.isDump = try Unwrapper.holdsDump(file) } catch {
          throw HostDumpError.system(error)
        }
        look.why = look.isDump ? nil : "it begins with \(found)"
      // What is wrong with it is said by who splits it.
      case .format, .unsupported, .severalDumps: break
      case .system(let error): throw error
      }
    }
    try file.check()
    guard look.isDump || question.isNamed else { return look }
    look.sample = try look.part?.set ?? sample(of: file)
    guard question.wants(look) else { return look }
    look.identity = try SHA256.sum(of: file)
    return look
  }

  private static let piece = 1 << 20

  private static func sample(of file: InputFile) throws(SystemError) -> String {
    let sum = SHA256()
    sum.update((0..<8).map { UInt8(truncatingIfNeeded: file.size >> ($0 * 8)) })
    sum.update(try file.read(at: 0, count: Int(min(file.size, UInt64(piece)))))
    for index in 0..<UInt64(64) {
      let place = file.size / 64 * index
      sum.update(try file.read(at: place, count: Int(min(file.size - place, 4096))))
    }
    return sum.finish()
  }

  /// As a child says it on standard output.
  public func json() throws -> [UInt8] { try PlainJSON.line(self) }
}

/// One of n parts of all dumps that there are or will be: which one a dump is in, its content says.
public struct BatchShard: Sendable, Equatable {
  /// From 1 to `count`.
  let index: UInt64
  let count: UInt64

  /// - Parameter text: "i/n"; `nil`: it is not.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { UInt64($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], count <= 1 << 20, index >= 1, index <= count
    else { return nil }
    self.index = index
    self.count = count
  }

  public var text: String { "\(index)/\(count)" }

  /// - Parameter sample: hexadecimal.
  func has(_ sample: String) -> Bool { (UInt64(sample.prefix(16), radix: 16) ?? 0) % count == index - 1 }
}
