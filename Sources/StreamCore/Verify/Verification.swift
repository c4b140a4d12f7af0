/// What is found in outputs that are read again, whole: every page, every count of the manifest, every name.
public struct Verification: Sendable, Encodable {
  public static let schemaName = "vmcs-split-verification-1"

  /// A file, and what is wrong with it.
  public struct File: Sendable, Encodable, Equatable {
    public var path: String
    /// "kdump-compressed" or "elf"; `nil`: it could not be read as a dump.
    public var format: String?
    /// Pages that were decoded.
    public var pages: UInt64?
    public var bytes: UInt64?
    /// It has the checksum that the manifest gives.
    public var hasChecksum = false
    public var wrong: [String] = []

    init(_ path: String, wrong: [String] = []) {
      self.path = path
      self.wrong = wrong
    }
  }

  public init() {}

  public var schema = Verification.schemaName
  public var files: [File] = []

  public var isRight: Bool { files.allSatisfy(\.wrong.isEmpty) }
  public var exitStatus: ExitStatus { isRight ? .complete : .incomplete }

  /// Reads an output directory, a directory of such, as a batch fills it, or a single dump, whoever wrote it.
  /// - Throws: an error that `Failure` knows, where a path cannot be opened, a single file is no dump, or reading fails.
  public static func run(path: String, _ workers: Workers) throws -> Verification {
    let found: (stamp: FileStamp, kind: FileStamp.Kind)
    do throws(SystemError) { found = try FileStamp.read(path) } catch { throw HostDumpError.system(error) }
    var verification = Verification()
    guard found.kind == .directory else {
      let file: InputFile
      do throws(SystemError) { file = try InputFile(path: path) } catch { throw HostDumpError.system(error) }
      verification.files = [try check(file, workers)]
      return verification
    }
    try verification.look(through: path, depth: 0, workers)
    if verification.files.isEmpty {
      verification.files = [File(path, wrong: ["there is no manifest.json in it, nor in a directory below"])]
    }
    return verification
  }

  /// Directories of a batch are no deeper.
  private static let depth = 8

  private mutating func look(through directory: String, depth: Int, _ workers: Workers) throws {
    guard depth < Self.depth else { return }
    let names = (try FileSystem.names(in: directory, limit: .max) ?? []).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    if names.contains("manifest.json") {
      return files += try VerifiedDirectory(path: directory, names: names).check(workers)
    }
    for name in names {
      let path = directory + "/" + name
      if try FileStamp.read(path, followsLinks: false).kind == .directory {
        try look(through: path, depth: depth + 1, workers)
      }
    }
  }

  /// Reads every page of a file.
  static func check(_ input: InputFile, _ workers: Workers) throws -> File {
    var file = File(input.path)
    let check = try DumpCheck.run(ByteSource(input), workers)
    (file.format, file.pages, file.bytes, file.wrong) = (check.format, check.stored, input.size, check.wrong)
    return file
  }

  public func json() throws -> [UInt8] { try PlainJSON.document(self) }
}
