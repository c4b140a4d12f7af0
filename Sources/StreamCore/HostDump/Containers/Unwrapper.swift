import Glibc

/// Takes an input that cannot be read in place into an unnamed file: what is wrapped in gzip, xz, zstd without a table of
/// its frames or LZ4, and what comes through a pipe. Unwrapping stops behind the first bytes where these are nothing that is read.
struct Unwrapper {
  let spooling: Spooling
  let cancellation: Cancellation
  let progress: Progress
  /// Whatever it is, it is unwrapped whole: raw memory has no head.
  var takesAll = false
  /// Wrappers within each other.
  private static let depth = 3
  private static let pieceSize = 256 << 10

  /// The file that is to be read: the given one, or what it unwraps to.
  /// - Throws: `HostDumpError` for the input, `SystemError` for the unnamed file, `Cancelled`.
  func open(_ path: String, mapped: Bool) throws -> InputFile {
    var file: InputFile
    do throws(SystemError) { file = try InputFile(path: path, mapped: mapped) } catch {
      guard error.code == ESPIPE else { throw HostDumpError.system(error) }
      let pipe: ByteStream
      do throws(SystemError) { pipe = try ByteStream(pipe: path) } catch { throw HostDumpError.system(error) }
      file = try unwrap(pipe, of: nil, mapped: mapped)
    }
    for _ in 0..<Self.depth {
      guard let codec = StreamCodec(head: try head(of: file)) else { break }
      if codec == .zstd, let layout = try SeekableFile(file) {
        file = InputFile(in: file, layout, form: "\(codec.rawValue) data")
        continue
      }
      file = try unwrap(ByteStream(file), of: (file, codec), mapped: mapped)
    }
    return file
  }

  private func head(of file: InputFile) throws -> [UInt8] {
    do throws(SystemError) { return try file.read(at: 0, count: 16) } catch { throw HostDumpError.system(error) }
  }

  /// - Parameter of: the file and what it is wrapped in; `nil`: the stream is a pipe.
  private func unwrap(_ stream: ByteStream, of wrapped: (file: InputFile, codec: StreamCodec)?, mapped: Bool) throws
    -> InputFile
  {
    var unwrapping = Unwrapping(stream, self)
    let head = try unwrapping.head()
    if head.isEmpty, wrapped == nil {
      throw HostDumpError.system(SystemError(call: "open", path: stream.path, code: ESPIPE))
    }
    let codec = wrapped?.codec ?? StreamCodec(head: head)
    let form = [wrapped == nil ? "a pipe" : nil, codec.map { "\($0.rawValue) data" }].compactMap { $0 }
      .joined(separator: " with ")
    let spool = try SpoolFile(in: spooling.place, limit: spooling.limit)
    let size = try wrapped.map { try UnwrappedSize(of: $0.file, $0.codec) } ?? .unknown
    if case .atLeast(let bytes) = size, bytes > spool.sizeLimit { throw tooLarge(stream.path, form, bytes, spool) }
    spooling.notice(
      .init(file: stream.path, form: form, directory: spool.directory, size: size, free: spool.free))
    if let total = stream.size { progress.begin(.unwrap, total: total / UInt64(pageSize)) }
    do {
      try unwrapping.run(codec, form, into: spool)
      let descriptor = try spool.finish()
      return InputFile(
        spooled: descriptor, size: spool.size, path: wrapped == nil ? stream.path : "\(stream.path) (\(form))",
        given: wrapped?.file.given, mapped: mapped)
    } catch let error as SystemError where error.code == ENOSPC {
      throw tooLarge(stream.path, form, spool.size, spool)
    }
  }

  /// Whether a file is wrapped, and what is in it begins as something that is read: the first bytes alone are unwrapped.
  static func holdsDump(_ file: InputFile) throws(SystemError) -> Bool {
    let head = try file.read(at: 0, count: Int(min(file.size, UInt64(pieceSize))))
    guard let codec = StreamCodec(head: Array(head.prefix(16))), let decoder = try? codec.decoder() else {
      return false
    }
    var output = [UInt8](repeating: 0, count: headSize)
    guard let step = try? decoder.step(head, from: 0, into: &output, at: 0, isLast: false) else { return false }
    return isReadable(Array(output.prefix(step.produced)))
  }

  private static func isReadable(_ bytes: [UInt8]) -> Bool {
    beginsAsDump(bytes) || StreamCodec(head: Array(bytes.prefix(16))) != nil
  }

  private func tooLarge(_ path: String, _ form: String, _ bytes: UInt64, _ spool: SpoolFile) -> SystemError {
    SystemError(
      call: "unwrap \(path), \(form) of \(bytes) bytes or more, where there is room for \(spool.room)",
      path: spool.directory,
      code: ENOSPC)
  }

  /// One stream on its way into the file.
  private struct Unwrapping {
    private let stream: ByteStream
    private let unwrapper: Unwrapper
    private var input: [UInt8] = []
    private var at = 0
    /// Bytes of the stream that were read.
    private var position: UInt64 = 0
    private var isAtEnd = false

    init(_ stream: ByteStream, _ unwrapper: Unwrapper) {
      self.stream = stream
      self.unwrapper = unwrapper
    }

    /// The first bytes, which are still to come.
    mutating func head() throws -> [UInt8] {
      while input.count < 16, !isAtEnd { try fill() }
      return Array(input.prefix(16))
    }

    private mutating func fill() throws {
      let cancellation = unwrapper.cancellation
      if at > 0 { input.removeFirst(at) }
      at = 0
      let more = try stream.next(pieceSize, at: position) { cancellation.isCancelled }
      if cancellation.isCancelled { throw Cancelled() }
      isAtEnd = more.isEmpty
      position += UInt64(more.count)
      input += more
      if stream.size != nil { unwrapper.progress.advance(UInt64(more.count / pageSize)) }
    }

    mutating func run(_ codec: StreamCodec?, _ form: String, into spool: SpoolFile) throws {
      guard let codec else { return try copy(into: spool) }
      var output = [UInt8](unwritten: pieceSize)
      var filled = 0
      do {
        let decoder = try codec.decoder()
        while true {
          if at == input.count, !isAtEnd { try fill() }
          let step = try decoder.step(input, from: at, into: &output, at: filled, isLast: isAtEnd)
          at += step.consumed
          filled += step.produced
          if filled == output.count {
            let isFirst = spool.size == 0
            try spool.append(output, count: filled)
            if isFirst, !unwrapper.takesAll, !Unwrapper.isReadable(output) { return }
            filled = 0
          } else if step.consumed == 0, step.produced == 0, at < input.count || isAtEnd {
            guard isAtEnd, at == input.count else { throw StreamFault.corrupt("it does not go on") }
            break
          }
        }
        guard decoder.isWhole else { throw fault(codec, "its end in the middle of the data: the file is cut") }
        try spool.append(output, count: filled)
      } catch StreamFault.corrupt(let reason) {
        throw fault(codec, reason)
      } catch StreamFault.unavailable {
        throw SystemError(call: "init", path: "codec \(codec.rawValue)", code: ENOMEM)
      }
    }

    private mutating func copy(into spool: SpoolFile) throws {
      while !isAtEnd || !input.isEmpty {
        while input.count < pieceSize, !isAtEnd { try fill() }
        let count = min(input.count, pieceSize)
        let isFirst = spool.size == 0
        try spool.append(input, count: count)
        if isFirst, !unwrapper.takesAll, !Unwrapper.isReadable(input) { return }
        at = count
        if isAtEnd {
          input.removeFirst(at)
          at = 0
        } else {
          try fill()
        }
      }
    }

    private func fault(_ codec: StreamCodec, _ found: String) -> HostDumpError {
      .format(
        FormatError(
          file: stream.path, offset: position - UInt64(input.count - at), field: "\(codec.rawValue) data",
          expected: "a stream that decodes to its end", found: found))
    }
  }
}
