/// A page whose stored bytes cannot be used: the one name of this fault on its way from the dump to the manifest.
/// The head scan counts those of the host (`HeadScan.badPages`), the map and the extraction each guest's (`GuestFaults`).
struct PageFault: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// The descriptor or the data are damaged.
    case bad
    /// The writer never got to it: the dump is incomplete.
    case lost
  }

  var kind: Kind
  var frame: UInt64
  /// Bytes from the start of the file, of the descriptor or of the data at fault.
  var offset: UInt64
  /// In few words, for the manifest.
  var reason: String

  init(_ kind: Kind, frame: UInt64, offset: UInt64, reason: String) {
    self.kind = kind
    self.frame = frame
    self.offset = offset
    self.reason = reason
  }
}
