/// Why a guest's dump could not be finished. Its file goes away with the writer.
enum GuestDumpError: Error, Equatable, Sendable {
  /// The file could not even be begun.
  case cannotCreate(SystemError)
  case system(SystemError)
  /// Bad pages cut the guest's memory into more PT_LOADs than the headers have room for; kdump has no such limit.
  case tooManySegments(path: String, needed: UInt64, room: UInt64)
  /// ELF, and not a single page to put into it: no reader opens a core without PT_LOAD.
  case noPages(path: String)
  /// The guest's memory does not fit the format's fields or a file's 2^63 bytes.
  case tooLarge(path: String)
  /// A defect in whoever feeds the writer.
  case defect(path: String, GuestDumpDefect)
}

/// What a writer was told and cannot be: a defect of this program, never of its input.
enum GuestDumpDefect: Error, Equatable, Sendable {
  /// A page of `present` that neither came nor was marked bad; the lowest one.
  case missing(frame: UInt64)
  /// A page that `present` does not have.
  case unexpected(frame: UInt64)
  /// A page that came twice.
  case repeated(frame: UInt64)
  /// A page whose range of the payload, or whose codec, the format cannot take.
  case unusable(frame: UInt64)
}

extension GuestDumpError: CustomStringConvertible {
  var description: String {
    switch self {
    case .cannotCreate(let error), .system(let error): error.description
    case .tooManySegments(let path, let needed, let room):
      "\(path): bad pages cut the memory into \(needed) program headers, there is room for \(room); use --format kdump"
    case .noPages(let path): "\(path): no page to write, an ELF core needs at least one"
    case .tooLarge(let path): "\(path): the guest's memory is too large for this format"
    case .defect(let path, let defect): "\(path): defect in vmcs-split: \(defect)"
    }
  }
}
