extension VMCSInfo {
  /// More files than a saved directory has, with room: one a field and a few more.
  private static let maximumFiles = 4096
  /// A file of such a directory holds one number.
  private static let maximumFileBytes = 64

  /// A VMCSINFO from a file (text or binary, with or without the ELF note around it) or from a saved sysfs directory.
  public init(path: String) throws(LayoutInputError) {
    let files: [(name: String, text: String)]?
    var bytes: [UInt8] = []
    do throws(SystemError) {
      files = try Self.files(in: path)
      if files == nil { bytes = try InputFile(path: path).text(limit: Self.maximumBytes + 1) }
    } catch {
      throw .unreadable(error)
    }
    do throws(VMCSInfoError) {
      if let files {
        self = try Self.parse(directory: files)
      } else {
        let note = Note.parse(bytes).notes.first { $0.name == Self.noteName }
        self = try Self.parse(note?.descriptor ?? bytes)
      }
    } catch {
      throw .noVMCSInfo(path: path, error)
    }
  }

  /// The table's files in a saved directory; `nil` when the path is none.
  private static func files(in path: String) throws(SystemError) -> [(name: String, text: String)]? {
    guard let names = try FileSystem.names(in: path, limit: maximumFiles) else { return nil }
    var files: [(name: String, text: String)] = []
    for name in names.filter(isFile).sorted() {
      let bytes = try InputFile(path: path + "/" + name).text(limit: maximumFileBytes)
      files.append((name, String(decoding: bytes, as: UTF8.self)))
    }
    return files
  }

  /// The first VMCSINFO note that can be read, and what is to be said of the others.
  static func note(in notes: [Note]) -> (info: VMCSInfo?, remarks: [String]) {
    var first: VMCSInfo?
    var remarks: [String] = []
    for note in notes where note.name == noteName {
      do throws(VMCSInfoError) {
        let info = try parse(note.descriptor)
        if first == nil { first = info } else { remarks.append("one more note, not used") }
      } catch {
        remarks.append("a note that cannot be read: \(error)")
      }
    }
    return (first, remarks)
  }
}
