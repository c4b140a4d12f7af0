/// How a run ended, as its exit status says it. Source: Documentation/design.md §6.
public enum ExitStatus: Sendable, Hashable {
  /// All guests listed or written, nothing missing.
  case complete
  /// Guests were listed or written, and something is missing or damaged.
  case incomplete
  case wrongUsage
  /// The input is no host dump that can be used.
  case unusableInput
  case cannotOpen
  /// The dump is fine, and holds no sign of a guest.
  case noGuest
  /// A defect in this program.
  case defect
  /// The output exists or cannot be created.
  case cannotCreate
  /// Reading or writing failed midway.
  case ioFailed
  /// By this signal.
  case interrupted(signal: Int32)

  public var code: Int32 {
    switch self {
    case .complete: 0
    case .incomplete: 1
    case .wrongUsage: 64
    case .unusableInput: 65
    case .cannotOpen: 66
    case .noGuest: 69
    case .defect: 70
    case .cannotCreate: 73
    case .ioFailed: 74
    case .interrupted(let signal): 128 + signal
    }
  }
}

extension Manifest {
  /// Of a run that came to this manifest.
  public var exitStatus: ExitStatus {
    let lacks = guests.contains { $0.badPages.count > 0 || $0.pages.absent.values.contains { $0 > 0 } }
    return lacks || warnings.contains(where: \.code.isLoss) ? .incomplete : .complete
  }
}
