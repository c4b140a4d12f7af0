/// How guests' memory lies in the host's.
enum Backing: String, CaseIterable, Sendable {
  /// Pages of 2 MiB, mapped by leaves of 2 MiB.
  case huge
  /// Pages of 4 KiB in no order at all.
  case shuffled
  /// The first half of the guests huge, the others shuffled.
  case half
}

enum Codec: String, CaseIterable, Sendable {
  case raw, zlib, lzo, snappy, zstd

  /// The bit of descriptors and of the header's status. Source: makedumpfile, diskdump_mod.h.
  var flag: UInt32 {
    switch self {
    case .raw: 0
    case .zlib: 1
    case .lzo: 2
    case .snappy: 4
    case .zstd: 32
    }
  }
}

/// What host to make. Sizes are bytes.
struct HostOptions: Sendable, Equatable {
  /// RAM of the host: a multiple of 2 MiB, 64 MiB to 4 TiB.
  var size: UInt64
  /// RAM of all guests together; each gets the same, a multiple of 2 MiB and at least 4 MiB.
  var guestSize: UInt64
  var guests: UInt64
  var vcpusPerGuest: UInt64 = 2
  var cpus: UInt64 = 8
  var backing = Backing.huge
  var codec = Codec.lzo
  var seed: UInt64 = 1
  /// Descriptors of ordinary pages share stored pages: a sparse file with all its bitmaps and descriptors.
  var sharesData = false
  /// The host's kernel has its names and types in memory, and processes whose page tables map the guests.
  var describes = false

  static let block: UInt64 = 2 << 20

  /// RAM of one guest.
  var guestShare: UInt64 { guestSize / guests / Self.block * Self.block }

  /// Why such a host cannot be made, or nil.
  var fault: String? {
    guard size % Self.block == 0, (64 << 20...4 << 40).contains(size) else {
      return "the host's size is no multiple of 2 MiB from 64 MiB to 4 TiB"
    }
    guard (1...4096).contains(guests), (1...64).contains(vcpusPerGuest), (1...4096).contains(cpus) else {
      return "1 to 4096 guests of 1 to 64 vCPUs, 1 to 4096 CPUs"
    }
    guard guestShare >= 2 * Self.block else { return "a guest has less than 4 MiB" }
    return nil
  }
}

/// The host's RAM has no room for all this.
struct NoRoom: Error, Equatable, CustomStringConvertible {
  var what: String
  var description: String { "no room in the host for \(what)" }
}
