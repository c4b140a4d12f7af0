/// The bytes of a host dump, and how many of them were asked for.
struct DumpInput: Sendable {
  let source: ByteSource
  /// Which of the source's files the headers stand in.
  let index: UInt16
  let counters: RequestedBytes
  /// What is odd about the files that the dump lies in.
  private(set) var remarks: [Remark]

  init(_ source: ByteSource) {
    self.init(source, index: 0, counters: RequestedBytes(), remarks: [])
  }

  private init(_ source: ByteSource, index: UInt16, counters: RequestedBytes, remarks: [Remark]) {
    self.source = source
    self.index = index
    self.counters = counters
    self.remarks = remarks
  }

  /// The file that the headers stand in.
  var file: InputFile { source.files[Int(index)] }
  /// Its path as the user gave it.
  var path: String { file.path }

  /// The same dump, with its headers in another file.
  /// - Parameter index: in the source's files.
  func part(_ index: Int) -> DumpInput {
    DumpInput(source, index: UInt16(index), counters: counters, remarks: index == 0 ? remarks : [])
  }

  /// The same files in another order.
  /// - Parameter order: a permutation of their indices.
  func reordered(_ order: [Int]) -> DumpInput {
    let files = order.map { source.files[$0] }
    guard let first = files.first else { return self }
    return DumpInput(ByteSource(first, Array(files.dropFirst())), index: 0, counters: counters, remarks: remarks)
  }

  /// The plain dump, where files hold it in flattened form.
  func unflattened() throws(HostDumpError) -> DumpInput {
    var files: [InputFile] = []
    var remarks = remarks
    for file in source.files {
      let head: [UInt8]
      do throws(SystemError) { head = try file.read(at: 0, count: FlattenedFile.magic.count) } catch {
        throw .system(error)
      }
      guard head == FlattenedFile.magic else {
        files.append(file)
        continue
      }
      let layout = try FlattenedFile(file)
      files.append(InputFile(in: file, layout, form: "unflattened"))
      remarks += layout.remarks
    }
    guard let first = files.first else { return self }
    let plain = ByteSource(first, Array(files.dropFirst()))
    return DumpInput(plain, index: index, counters: counters, remarks: remarks)
  }

  /// Up to `count` bytes from `offset` of the file, as part of opening the dump.
  func header(at offset: UInt64, count: Int) throws(HostDumpError) -> [UInt8] {
    counters.add(count, .headers)
    do throws(SystemError) { return try file.read(at: offset, count: count) } catch {
      throw .system(error)
    }
  }
}
