import Synchronization

/// What became of the files: how each was proven, and what it gave. Safe to use from any thread.
final class SymbolFileLog: Sendable {
  struct Entry: Sendable, Equatable {
    /// What says that it is of the dump's kernel; `nil`: nothing was asked.
    var proof: String?
    /// Why it was left aside, "its module is not loaded".
    var aside: String?
    /// "symbols", "types", with the reason why the dump's own did not do.
    var given: [String: String] = [:]
  }

  private let entries = Mutex<[String: Entry]>([:])

  /// By the path of a file.
  subscript(path: String) -> Entry { entries.withLock { $0[path] ?? Entry() } }

  func note(_ file: SymbolFile, isProvenBy proof: String) {
    entries.withLock { $0[file.path, default: Entry()].proof = proof }
  }

  func note(_ file: SymbolFile, isLeftAsideFor why: String) {
    entries.withLock { $0[file.path, default: Entry()].aside = why }
  }

  /// The first reason counts.
  func note(_ file: SymbolFile, gives what: String, because why: String) {
    entries.withLock { entries in
      if entries[file.path]?.given[what] == nil { entries[file.path, default: Entry()].given[what] = why }
    }
  }
}
