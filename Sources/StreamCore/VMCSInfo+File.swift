extension VMCSInfo {
  /// More files than a saved directory has, with room: one a field and a few more.
  private static let maximumFiles = 4096
  /// A file of such a directory holds one number.
  private static let maximumFileBytes = 64

  /// A VMCSINFO from a file (text or binary, with or without the ELF note around it) or from a saved sysfs directory.
  /// - Throws: `Failure.input` when it cannot be read, `.badLayout` when it holds no VMCSINFO.
  public init(path: String) throws {
    do throws(VMCSInfoError) {
      self = try Self.parse(directory: Self.files(path) ?? [])
    } catch .noRevision {
      self = try Self.read(path)
    } catch {
      throw Failure.badLayout(path: path, why: "\(error)")
    }
  }

  /// The first VMCSINFO note that can be read, and what is to be said of the others.
  static func note(in notes: [Note]) -> (info: VMCSInfo?, remarks: [String]) {
    var first: VMCSInfo?
    var remarks: [String] = []
    for note in notes where note.name == noteName {
      do throws(VMCSInfoError) {
        let info = try parse(note.descriptor)
        if first == nil { first = info } else { remarks.append("one more VMCSINFO note, not used") }
      } catch {
        remarks.append("a VMCSINFO note that cannot be read: \(error)")
      }
    }
    return (first, remarks)
  }
}
