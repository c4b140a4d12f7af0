import Glibc

/// Why a run ended without a result. The tool turns each into one line and an exit status.
public enum Failure: Error, Sendable, Equatable {
  /// The input cannot be used, or not be opened.
  case input(HostDumpError)
  /// Signs of VMX, and no layout whose content tests they pass.
  case noLayout(revisionIDs: [UInt32], detail: String)
  /// A host that runs its guests with something that is not read yet.
  case unsupportedHost(what: String, remedy: String)
  /// No sign of a guest.
  /// - Parameters:
  ///   - trace: what there is of VMX beside guests, in few words.
  ///   - unread: what of the dump could not be looked at, one line each; without any the dump is fine.
  case noGuest(trace: String?, unread: [String])
  /// Guests, and not one page of their memory.
  case nothingStored(pages: UInt64, lost: UInt64, dumpLevel: Int?)
  /// Any of the others, and what the dump showed before: odd, damaged or missing parts, one line each.
  indirect case ofDump(Failure, noticed: [String])
  case noSuchGuest(wanted: String, known: [String])
  /// Several guests answer to what was asked for.
  case ambiguousGuest(wanted: String, meant: [String])
  case noSuchLayout(wanted: String, known: [String])
  /// A layout file that cannot be used, and why.
  case badLayout(path: String, why: String)
  /// A file or directory that holds no VMCSINFO, and why.
  case badVMCSInfo(path: String, why: String)
  /// A file given for the host's symbols or types that cannot be used, and why.
  case badSymbols(path: String, why: String)
  /// A page that was asked for and cannot be had, and why.
  case badAddress(guest: String, address: GPA, why: String)
  /// The log of a kernel that was asked for and cannot be had, and why.
  case noLog(of: String, why: String)
  /// Several files that are no parts of one split set.
  case severalDumps(count: Int)
  case cannotCreate(SystemError)
  case exists(path: String)
  /// An output of this name would replace the input.
  case outputIsInput(path: String)
  /// The output directory holds the guests of another input.
  case otherInput(path: String)
  /// Another run writes into the output directory.
  case directoryInUse(path: String)
  /// Reading or writing failed midway.
  case io(SystemError)
  /// A guest's dump cannot be finished; the text names it.
  case output(String)
  case cancelled

  /// - Parameter signal: what a run that was cancelled was told to stop by.
  public func exitStatus(signal: Int32) -> ExitStatus {
    switch self {
    // What is wrapped is damaged, as the file has it: no other try reads it.
    case .input(.system(let error)) where error.code == EBADMSG, .io(let error) where error.code == EBADMSG:
      .unusableInput
    case .input(.system): .cannotOpen
    case .input, .noLayout, .unsupportedHost, .nothingStored, .badSymbols: .unusableInput
    case .noGuest(_, let unread): unread.isEmpty ? .noGuest : .unusableInput
    case .ofDump(let failure, _): failure.exitStatus(signal: signal)
    case .noSuchGuest, .ambiguousGuest, .noSuchLayout, .badLayout, .badVMCSInfo, .severalDumps: .wrongUsage
    case .badAddress, .noLog: .incomplete
    case .cannotCreate, .exists, .outputIsInput, .otherInput, .directoryInUse: .cannotCreate
    case .io, .output: .ioFailed
    case .cancelled: .interrupted(signal: signal)
    }
  }
}

extension Failure {
  /// The failure that an error of one of the rooms comes to; `nil` for what is a defect of this program.
  public init?(_ error: any Error) {
    switch error {
    case let error as Failure: self = error
    case HostDumpError.severalDumps(let count): self = .severalDumps(count: count)
    case let error as HostDumpError: self = .input(error)
    case let error as HostWithoutGuests: self.init(error)
    case let error as LayoutInputError: self.init(error)
    case let fault as InferenceFault: self.init(fault)
    case let error as SymbolFileError: self.init(error)
    case let error as SystemError: self = .io(error)
    case is Cancelled: self = .cancelled
    case let error as OutputError: self.init(error)
    case GuestDumpError.cannotCreate(let error): self = .cannotCreate(error)
    case GuestDumpError.system(let error): self = .io(error)
    case GuestDumpError.defect: return nil
    case let error as GuestDumpError: self = .output("\(error)")
    case let error as TooManyGuests:
      self = .unsupportedHost(
        what: "this host has \(error.count) guests",
        remedy: "only hosts of up to \(Extent.maximumOwners) can be read so far")
    default: return nil
    }
  }

  /// Runs `body`, which works on `dump`: what it throws also says what was noticed of the dump, and where that is a loss
  /// nothing found is not nothing there.
  static func from<R>(_ dump: any HostDump, _ body: () throws -> R) throws -> R {
    do { return try body() } catch {
      let noticed = dump.remarks
      guard let failure = Failure(error) else { throw error }
      if case .ofDump = failure { throw failure }
      guard failure != .cancelled, !noticed.isEmpty else { throw failure }
      if case .noGuest(let trace, let unread) = failure {
        let losses = noticed.filter(\.isLoss).map(\.text)
        let oddities = noticed.filter { !$0.isLoss }.map(\.text)
        throw Failure.ofDump(.noGuest(trace: trace, unread: losses + unread), noticed: oddities)
      }
      throw Failure.ofDump(failure, noticed: noticed.map(\.text))
    }
  }

  /// Runs `body`; an error of a room that it throws becomes its failure.
  static func from<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw Failure(error) ?? error }
  }

  private init(_ error: OutputError) {
    switch error {
    case .cannotCreate(let error): self = .cannotCreate(error)
    case .exists(let path): self = .exists(path: path)
    case .isInput(let path): self = .outputIsInput(path: path)
    case .otherInput(let path): self = .otherInput(path: path)
    case .inUse(let path): self = .directoryInUse(path: path)
    case .system(let error): self = .io(error)
    }
  }

  private init(_ error: LayoutInputError) {
    switch error {
    case .unreadable(let error): self = .input(.system(error))
    case .noLayout(let path, let why): self = .badLayout(path: path, why: "\(why)")
    case .noVMCSInfo(let path, let why): self = .badVMCSInfo(path: path, why: "\(why)")
    }
  }

  private init(_ fault: InferenceFault) {
    self = .unsupportedHost(what: "no layout can be inferred: \(fault)", remedy: fault.remedy)
  }

  private init(_ error: SymbolFileError) {
    switch error {
    case .unreadable(let error): self = .input(.system(error))
    case .refused(let path, let why): self = .badSymbols(path: path, why: why)
    }
  }

  static func allEncrypted(_ names: [String]) -> Failure {
    .unsupportedHost(
      what: "the memory of \(names.joined(separator: ", ")) is encrypted (AMD SEV) with a key that no dump holds",
      remedy: "'list' shows what is known of such guests")
  }

  private init(_ reason: HostWithoutGuests) {
    switch reason {
    case .kernelUnreadable(let why):
      self = .unsupportedHost(
        what: "regions of VMX guests are there, but the host kernel's page tables cannot be read: \(why)",
        remedy: "guests cannot be told from forgeries without them")
    case .severalKernels(let why):
      self = .unsupportedHost(
        what: "the dump has no VMCOREINFO, and more than one kernel in it can be the host's: \(why)",
        remedy:
          "nothing is split, for one can be a guest's forgery; the layout of this host's processor, given with --layout "
          + "or --vmcsinfo, tells them apart, and a dump of kdump's has a VMCOREINFO")
    case .unproven(let pages, let layout, let first, let why):
      self = .unsupportedHost(
        what:
          "\(pages) pages have the content of VMCS regions (layout \(layout)), but nothing in the host kernel proves one; "
          + "at \(first): \(why)",
        remedy: "nothing is split, for a guest could have forged them")
    case .withoutEPT(let regions, let layout):
      self = .unsupportedHost(
        what: "the guests of this host run without EPT: \(regions) VMCS regions (layout \(layout)) use shadow paging",
        remedy: "only guests with EPT can be split so far")
    case .noLayout(let ids, let detail): self = .noLayout(revisionIDs: ids, detail: detail)
    case .svm(let vmcbs, let why):
      self = .unsupportedHost(
        what: "this is an AMD host: \(vmcbs) VMCB pages of SVM guests, and its kernel does not tell its VMs: \(why)",
        remedy: "give the types of the host's kernel with --symbols")
    case .nested(let trace):
      self = .unsupportedHost(
        what: "this host was itself a guest: \(trace)",
        remedy: "what its own guests did is in the dump of the host below it, which had nested virtualisation")
    case .noSign(let trace, let unread): self = .noGuest(trace: trace, unread: unread)
    }
  }
}
