extension Manifest {
  /// A file that was given for what the dump lacks of its kernel's symbols and types.
  public struct SymbolFileUsed: Encodable, Sendable, Equatable {
    public var name: String
    /// "vmlinux", or the module's name.
    public var of: String
    public var buildId: String?
    /// What says that it is of the dump's kernel; absent: it was not held against it.
    public var proof: String?
    /// "symbols", "types": what was taken from it, and why not from the dump; absent: it was not needed.
    public var gives: [String: String]?
    /// Why it was left aside.
    public var aside: String?
  }
}
