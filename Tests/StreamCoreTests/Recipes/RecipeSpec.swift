/// What a recipe's text says, before anything is placed. All addresses and lengths are bytes.
struct HostSpec: Sendable {
  var ram: [Range<UInt64>] = [0..<256 << 20]
  var holes: [Range<UInt64>] = [0xa0000..<0x100000]
  var cpus = 1
  var layout = "bochs-2.7"
  var shape = "6.1"
  var release = "6.1.0-recipe-amd64"
  var seed: UInt64 = 1
  var isLA57 = false
  var hasPTI = false
  var hasVMCoreInfo = true
  /// The direct map's largest page.
  var directMapPage: UInt64 = 1 << 30
  var guests: [GuestSpec] = []
  var shares: [ShareSpec] = []
  var pokes: [PokeSpec] = []
  /// Host-physical ranges that the dump leaves out.
  var filtered: [Range<UInt64>] = []
  /// The regions' layout is one that no catalogue has, with this revision id.
  var unknownRevision: UInt32?
  /// Pages of the guests, and free ones of the host, end in words that name their owner.
  var hasSecrets = false
  /// In page cache: host frames that no guest maps.
  var forgeries: [ForgerySpec] = []
}

struct GuestSpec: Sendable {
  var name: String
  var line: Int
  var ram: [Range<UInt64>] = [0..<8 << 20]
  /// The largest page that backs the guest's memory.
  var backingPage: UInt64 = 4096
  var isShuffled = false
  /// The guest's kernel release, or `nil` for a guest that is no Linux.
  var linux: String?
  var isLA57 = false
  var eptLevels = 4
  /// Killed before the crash: region and `vcpu_vmx` are left over, the rest is gone.
  var isDead = false
  /// Zero pages of the guest map one frame of the host.
  var sharesZero = false
  var vcpus: [VCPUSpec] = []
  /// Guest-physical ranges with something particular.
  var ranges: [(kind: GuestRange, range: Range<UInt64>)] = []
  var devices: [(range: Range<UInt64>, frame: UInt64)] = []
  var fakes: [FakeSpec] = []
  var forgeries: [ForgerySpec] = []
  var flood: FloodSpec?
  /// Places where EPT leads astray: to its own root, or to the table that serves `from`.
  var bends: [(gpa: UInt64, from: UInt64?)] = []
  var eptFloods: [EPTFloodSpec] = []
  var pokes: [PokeSpec] = []
}

/// What can be said of a range of a guest's memory.
enum GuestRange: String, Sendable, CaseIterable {
  /// Nobody ever touched it: neither EPT nor the VMM's page tables map it.
  case untouched
  /// The VMM's page tables map it, EPT does not.
  case hvaOnly = "hva-only"
  /// The VMM's page tables hold swap entries, EPT nothing.
  case swapped
  /// Mapped as usual; the host dump leaves the frames out.
  case filter
  /// Pages of zeros.
  case zero
}

struct VCPUSpec: Sendable {
  enum State: String, Sendable, CaseIterable {
    /// Was in guest mode when the crash came: nothing is cached in `arch.regs` but what KVM saves at each exit.
    case running
    /// Idle by itself: RIP in `arch.regs` is dirty and one past HLT.
    case halted
    /// Stopped by the monitor, which read all registers.
    case stopped
    /// An application processor that never ran: reset state, no EPT.
    case neverRun = "never-run"
  }
  var line: Int
  var state: State?
  var apicID: UInt32?
  var vmcs: UInt64?
  var cpu: Int?
  var isUser = false
  var isXAPIC = false
}

/// Two guests' pages merged into one frame, as KSM does: the second takes the first's.
struct ShareSpec: Sendable {
  var line: Int
  var first: String
  var firstGPA: UInt64
  var second: String
  var secondGPA: UInt64
}

/// A byte-exact copy of a vCPU's region in a guest's own memory.
struct FakeSpec: Sendable {
  var line: Int
  var gpa: UInt64
  var guest: String
  var vcpu: Int
}

/// A region that nobody runs, made from a vCPU's true one, with what an attacker can put around it.
struct ForgerySpec: Sendable {
  /// What its EPT maps.
  enum Map: Sendable, Equatable {
    /// What the true one maps.
    case copied
    /// All of the host, in pages of 1 GiB.
    case host
    /// A guest's region, tables, `vcpu_vmx` and memory.
    case guest(String)
    /// Tables that name themselves and each other.
    case loop
    /// Every entry of each table names the same next one.
    case shared
  }
  /// Which `struct kvm` its vCPU names: none, its own, the true one, or its own in a kernel of its own.
  enum Machine: Sendable { case none, own, genuine, kernel }

  var line: Int
  /// In the guest's memory; `nil`: a host frame that no guest maps.
  var gpa: UInt64?
  var guest: String
  var vcpu: Int
  var map = Map.copied
  var machine = Machine.none
  /// The vCPU's own registers, which KVM keeps in its `vcpu_vmx`, look like the region's `loaded_vmcs`.
  var isInRegisters = false
  var fields: [String: UInt64] = [:]

  /// Neighbouring frames that region, structures and tables take.
  static let frames: UInt64 = 32
}

/// Further tables of a guest's true EPT, spread over the address space above its first 512 GiB: every entry is a leaf
/// that maps the same host memory, so that a page of tables stands for up to 512 GiB of the guest's.
struct EPTFloodSpec: Sendable {
  /// 1 to 3: leaves of 4 KiB, 2 MiB or 1 GiB.
  var level: Int
  var tables: UInt64
  /// Where every leaf leads, a multiple of its size.
  var address: UInt64

  /// The host memory that one leaf maps, which nothing else shall stand in; none where it begins at 0, with all the
  /// rest.
  var target: Range<UInt64>? { address == 0 ? nil : address >> 12..<address >> 12 + 1 << UInt64(9 * (level - 1)) }
}

/// What every page of a guest begins with, or is, where nothing else of it stands.
enum FloodSpec: Sendable {
  /// The revision id and an abort indicator of 0.
  case heads
  /// A vCPU's region, byte for byte.
  case copies(line: Int, guest: String, vcpu: Int)
}

struct PokeSpec: Sendable {
  var address: UInt64
  var bytes: [UInt8]
}

/// A recipe that cannot be read or built. Line 0: the fault shows only while building.
struct RecipeMistake: Error, Equatable, CustomStringConvertible {
  var line: Int
  var text: String

  var description: String { "recipe line \(line): \(text)" }
}
