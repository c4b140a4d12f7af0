/// A VMCSINFO: the table of a processor's VMCS, made on a running host, in one of the forms that were posted in 2012.
/// It describes a processor, not a guest. Source: Documentation/vmcsinfo.md, as each part says.
public struct VMCSInfo: Sendable, Equatable {
  /// Name of the note that holds a VMCSINFO; its type does not matter (Documentation/vmcsinfo.md §5).
  static let noteName = "VMCSINFO"
  /// Far above what 206 fields take in any form; the buffer of version 1 had 8 KiB.
  static let maximumBytes = 1 << 16

  /// What it was read from. Raw values are for people.
  enum Form: String, Sendable {
    case text = "version 1, text"
    case binary = "version 2, binary"
    case directory = "versions 3 to 5, directory"
  }

  /// What a file or directory can hold, for people whose file holds none of it.
  public static let forms =
    "version 1 (text: REVISION_ID=HEX, then lines FIELD(NAME)=HEX), version 2 (binary: 4 bytes of revision id, then 12 "
    + "bytes a field), either with or without its ELF note, or versions 3 to 5 (a directory: a file id, and a file for "
    + "each field named by its encoding in 4 hexadecimal digits)"

  let form: Form
  /// The places of all fields that could be decoded; its one revision id is the table's.
  let layout: Layout
  /// What was left out and why, one line each.
  let remarks: [String]

  /// Reads a description, which is what follows the note's name: text or binary, told apart by content. NUL bytes at
  /// the end are the rest of a buffer.
  static func parse(_ bytes: [UInt8]) throws(VMCSInfoError) -> VMCSInfo {
    guard bytes.count <= maximumBytes else { throw .tooLong(bytes: bytes.count) }
    // Every set of the binary form has zeros in its field's upper half, and no text has a NUL inside.
    let text = bytes.prefix { $0 != 0 }
    let isText =
      text.starts(with: revisionKey.utf8) || !text.isEmpty && bytes.dropFirst(text.count).allSatisfy { $0 == 0 }
    return isText ? try VMCSInfo(text: text) : try VMCSInfo(binary: bytes)
  }

  static let revisionKey = "REVISION_ID="

  init(_ form: Form, revisionID: UInt32, _ places: VMCSInfoFields, remarks: [String] = []) throws(VMCSInfoError) {
    // 0 would make a candidate of every page of zeros.
    guard (1...0x7fff_ffff).contains(revisionID) else { throw .revision(hex(revisionID)) }
    guard !places.places.isEmpty else { throw .noField }
    self.form = form
    do throws(LayoutError) {
      layout = try Layout(
        id: "vmcsinfo", processor: "VMCSINFO, \(form.rawValue)", revisionIDs: [revisionID],
        accessRights: places.accessRights, places: places.places)
    } catch {
      throw .layout(error)
    }
    self.remarks = remarks + places.remarks
  }

  /// One line on fields that were left out; `nil` when there are none. Names a few.
  static func remark(_ what: String, _ names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    let shown = names.sorted().prefix(6).joined(separator: ", ")
    return "\(what): \(shown)" + (names.count > 6 ? " and \(names.count - 6) more" : "")
  }
}

/// Why something is no VMCSINFO.
public enum VMCSInfoError: Error, Equatable, Sendable {
  /// Longer than any form can be.
  case tooLong(bytes: Int)
  /// Neither text nor sets of 12 bytes behind a revision id.
  case length(bytes: Int)
  case noRevision
  /// A revision id that is no number of 31 bits, or 0.
  case revision(String)
  /// Two revision ids that differ.
  case revisions(UInt32, UInt32)
  /// Binary form: no encoding of a field, at this byte of the description.
  case encoding(UInt32, offset: Int)
  /// Binary form: a field that is there twice, with different values.
  case repeated(encoding: UInt32, offset: Int)
  /// Binary form: more than a quarter of the values name no place.
  case values(undecoded: Int, of: Int)
  /// No field has a place.
  case noField
  case layout(LayoutError)
}

extension VMCSInfoError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooLong(let bytes): "\(bytes) bytes or more, at most \(VMCSInfo.maximumBytes) expected"
    case .length(let bytes): "neither text nor 4 bytes and sets of 12: \(bytes) bytes"
    case .noRevision: "no revision id"
    case .revision(let text): "the revision id cannot be read: \(text)"
    case .revisions(let first, let second): "two revision ids: \(hex(first)) and \(hex(second))"
    case .encoding(let value, let offset): "byte \(hex(UInt64(offset))): \(hex(value)) is no encoding of a field"
    case .repeated(let value, let offset): "byte \(hex(UInt64(offset))): field \(hex(value)) again, with another value"
    case .values(let undecoded, let all): "\(undecoded) of \(all) values name no place in a region"
    case .noField: "no field with a place"
    case .layout(let error): "\(error)"
    }
  }
}
