/// Why a run ended without a result. The tool turns each into one line and an exit status (design §6).
public enum Failure: Error, Sendable, Equatable {
  /// The input cannot be used, or not be opened.
  case input(HostDumpError)
  /// Signs of VMX, and no layout whose content tests they pass.
  case noLayout(revisionIDs: [UInt32], detail: String)
  /// A host that runs its guests with something that is not read yet.
  case unsupportedHost(what: String, remedy: String)
  /// The dump is fine, and holds no sign of a guest.
  case noGuest
  /// Guests, and not one page of their memory.
  case nothingStored(pages: UInt64, dumpLevel: Int?)
  case noSuchGuest(wanted: String, known: [String])
  case noSuchLayout(wanted: String, known: [String])
  /// A layout file that cannot be used, and why.
  case badLayout(path: String, why: String)
  /// A file or directory that holds no VMCSINFO, and why.
  case badVMCSInfo(path: String, why: VMCSInfoError)
  case badAddress(guest: String, address: GPA, why: String)
  case cannotCreate(SystemError)
  case exists(path: String)
  /// Reading or writing failed midway.
  case io(SystemError)
  /// A guest's dump cannot be finished; the text names it.
  case output(String)
  case cancelled
}

extension Failure {
  /// The failure that an error of one of the rooms comes to; `nil` for what is a defect of this program.
  public init?(_ error: any Error) {
    switch error {
    case let error as Failure: self = error
    case let error as HostDumpError: self = .input(error)
    case let error as SystemError: self = .io(error)
    case is Cancelled: self = .cancelled
    case OutputError.exists(let path), GuestDumpError.exists(let path): self = .exists(path: path)
    case OutputError.system(let error), GuestDumpError.system(let error): self = .io(error)
    case GuestDumpError.defect: return nil
    case let error as GuestDumpError: self = .output("\(error)")
    default: return nil
    }
  }
}
