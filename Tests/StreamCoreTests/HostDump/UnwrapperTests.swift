import Foundation
import HostRecipes
import Synchronization
import Testing

@testable import StreamCore

/// Inputs that are unwrapped into an unnamed file: gzip, xz, zstd, LZ4, and pipes.
@Suite struct UnwrapperTests {
  private static let sample = KdumpSample().bytes

  /// Opens bytes as the file "dump".
  private func open(
    _ bytes: [UInt8], mapped: Bool = true, limit: UInt64? = nil,
    notice: @escaping @Sendable (Spooling.Notice) -> Void = { _ in }
  ) throws -> InputFile {
    let directory = try RecipeDirectory()
    let path = try directory.write(bytes, as: "dump")
    var spooling = Spooling()
    spooling.directory = directory.path.appending(path: "out/not/there").path
    spooling.limit = limit
    spooling.notice = notice
    let file = try Unwrapper(spooling: spooling, cancellation: Cancellation(), progress: .none).open(
      path, mapped: mapped)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path.path) == ["dump"])
    return file
  }

  private func bytes(_ file: InputFile) throws -> [UInt8] { try file.read(at: 0, count: Int(file.size) + 1) }

  private func refusal(_ body: () throws -> Void) throws -> FormatError? {
    do {
      try body()
      return nil
    } catch HostDumpError.format(let error) {
      return error
    }
  }

  @Test(arguments: RecipeWrapper.allCases, [true, false])
  func whatIsInAWrapperIsWhatIsRead(wrapper: RecipeWrapper, mapped: Bool) throws {
    // More than a piece, with zeros at every alignment.
    var large = Self.sample
    for index in 0..<300 { large += [UInt8](repeating: 0, count: 5000 + index) + [UInt8(index & 0xff)] }
    for plain in [Self.sample, large, large + [UInt8](repeating: 0, count: 300_000)] {
      let wrapped = try wrapper.wrap(plain)
      let file = try open(wrapped, mapped: mapped)
      #expect(try bytes(file) == plain)
      #expect(file.given.size == UInt64(wrapped.count) && file.given.path.hasSuffix("/dump"))
      #expect(file.identity == file.given.identity && file.identity != nil)
      #expect(file.path.hasSuffix("/dump (\(wrapper.rawValue) data)"))
    }
  }

  @Test(arguments: RecipeWrapper.allCases)
  func streamsOneBehindTheOtherAreOne(wrapper: RecipeWrapper) throws {
    let parts = [Self.sample.prefix(4000), Self.sample[4000..<4001], Self.sample[4001...]].map { Array($0) }
    let wrapped = try parts.map { try wrapper.wrap($0) }
    #expect(try bytes(open(wrapped.flatMap { $0 })) == Self.sample)
    #expect(try bytes(open(wrapped.flatMap { $0 } + wrapper.padding)) == Self.sample)
    #expect(try bytes(open(wrapped[0] + wrapper.padding + wrapped[1] + wrapped[2])) == Self.sample)
  }

  @Test func wrappersWithinEachOtherAreTakenOff() throws {
    var bytes = RecipeFlattened.wrap(Self.sample)
    for wrapper in [RecipeWrapper.lz4, .xz, .gzip] { bytes = try wrapper.wrap(bytes) }
    let dump = try openHostDump(ByteSource(try open(bytes)))
    #expect(dump.summary.storedPages == 17)
    #expect(dump.input.source.given.map(\.size) == [UInt64(bytes.count)])
    let once = try RecipeWrapper.zstd.wrap(bytes)
    do {
      _ = try openHostDump(ByteSource(try open(once)))
      Issue.record("four wrappers are taken off")
    } catch HostDumpError.unsupported(_, let format, let remedy) {
      #expect(format == "lz4 data" && remedy.contains("unpack"))
    }
  }

  @Test(arguments: RecipeWrapper.allCases)
  func aCutWrapperEndsInOneLine(wrapper: RecipeWrapper) throws {
    let wrapped = try wrapper.wrap(Self.sample)
    for count in [20, wrapped.count / 2, wrapped.count - 5, wrapped.count - 1] {
      let error = try #require(try refusal { _ = try open(Array(wrapped.prefix(count))) }, "cut to \(count)")
      #expect(error.field == "\(wrapper.rawValue) data" && error.offset <= UInt64(count))
      #expect(error.found == "its end in the middle of the data: the file is cut")
    }
  }

  @Test(arguments: RecipeWrapper.allCases)
  func whatFollowsAWrapperIsNotIgnored(wrapper: RecipeWrapper) throws {
    let wrapped = try wrapper.wrap(Self.sample)
    let error = try #require(try refusal { _ = try open(wrapped + Array("no such data at all".utf8)) })
    #expect(error.field == "\(wrapper.rawValue) data")
  }

  /// A damaged byte: refused where there is a checksum, and never a hang.
  @Test(arguments: RecipeWrapper.allCases)
  func aDamagedWrapperEndsInAnAnswer(wrapper: RecipeWrapper) throws {
    let wrapped = try wrapper.wrap(Self.sample)
    var refused = 0
    for at in stride(from: 8, to: wrapped.count, by: wrapped.count / 60) {
      var damaged = wrapped
      damaged[at] ^= 0x10
      if try refusal({ _ = try open(damaged) }) != nil { refused += 1 }
    }
    #expect(refused > (wrapper == .gzip || wrapper == .xz ? 55 : 5))
  }

  /// Of what is no dump a first piece is looked at.
  @Test(arguments: RecipeWrapper.allCases)
  func whatIsNoDumpIsNotUnwrapped(wrapper: RecipeWrapper) throws {
    let file = try open(wrapper.wrap(Array(repeating: 0x55, count: 3 << 20)))
    #expect(file.size == 256 << 10)
    #expect(throws: HostDumpError.unknown(file: file.path, found: "55 55 55 55 55 55 55 55")) {
      try openHostDump(ByteSource(file))
    }
  }

  /// A few KiB that unwrap to more than there is room for, zeros for the most part.
  @Test(arguments: RecipeWrapper.allCases)
  func aBombEndsInOneLine(wrapper: RecipeWrapper) throws {
    let bomb = try wrapper.wrap(Self.sample + [UInt8](repeating: 0, count: 40 << 20))
    #expect(bomb.count < 1 << 20)
    do {
      _ = try open(bomb, limit: 8 << 20)
      Issue.record("unwrapped")
    } catch let error as SystemError {
      #expect(error.code == ENOSPC && error.call.contains("\(wrapper.rawValue) data of"))
      #expect(Failure(error)?.exitStatus(signal: 0) == .ioFailed)
    }
  }

  @Test(arguments: RecipeWrapper.allCases)
  func theSpaceIsSaidFirst(wrapper: RecipeWrapper) throws {
    let said = Mutex<[Spooling.Notice]>([])
    _ = try open(wrapper.wrap(Self.sample)) { notice in said.withLock { $0.append(notice) } }
    let notice = try #require(said.withLock { $0 }.first)
    #expect(said.withLock { $0.count } == 1)
    #expect(notice.form == "\(wrapper.rawValue) data" && notice.free > 0)
    // The directory that is asked for is not there: what lies above it is.
    #expect(FileManager.default.fileExists(atPath: notice.directory) || !notice.directory.contains("out"))
    // LZ4's frame does not say it unless it is asked to.
    #expect(notice.size == (wrapper == .lz4 ? .unknown : .atLeast(UInt64(Self.sample.count))))
    _ = try open(Self.sample) { _ in Issue.record("a plain file is said to be unwrapped") }
  }

  @Test func aPipeIsKeptInAFile() throws {
    for bytes in [Self.sample, try RecipeWrapper.gzip.wrap(Self.sample)] {
      let directory = try RecipeDirectory()
      let path = directory.path.appending(path: "pipe").path
      // Safe: the path ends in NUL for the call.
      try #require(unsafe mkfifo(path, 0o600) == 0)
      // The test is a reader, too, so that it can open it for writing first.
      let own = try #require(FileHandle(forUpdatingAtPath: path))
      let writer = try #require(FileHandle(forWritingAtPath: path))
      // What a pipe takes without a reader.
      try #require(bytes.count < 1 << 16)
      try writer.write(contentsOf: Data(bytes))
      let isOpen = Mutex(true)
      let file = Mutex<Result<InputFile, any Error>?>(nil)
      let thread = Thread {
        let result = Result {
          try Unwrapper(spooling: Spooling(), cancellation: Cancellation(), progress: .none).open(path, mapped: true)
        }
        file.withLock { $0 = result }
        isOpen.withLock { $0 = false }
      }
      thread.start()
      // It has the pipe open once it has taken the bytes.
      var left = pollfd(fd: own.fileDescriptor, events: Int16(POLLIN), revents: 0)
      // Safe: one entry.
      while unsafe poll(&left, 1, 0) > 0, isOpen.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.002) }
      try writer.close()
      try own.close()
      while isOpen.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.002) }
      let read = try #require(try file.withLock { $0 }?.get())
      #expect(try self.bytes(read) == Self.sample)
      #expect(read.given.path == path)
    }
  }

  @Test func aWishToStopEndsIt() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(try RecipeWrapper.gzip.wrap(Self.sample), as: "dump")
    let cancellation = Cancellation()
    cancellation.cancel()
    #expect(throws: Cancelled()) {
      _ = try Unwrapper(spooling: Spooling(), cancellation: cancellation, progress: .none).open(path, mapped: true)
    }
  }
}
