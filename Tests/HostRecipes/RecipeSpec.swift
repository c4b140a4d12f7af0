import HostModel

/// What a recipe's text says, before anything is placed. All addresses and lengths are bytes.
package struct HostSpec: Sendable {
  package var ram: [Range<UInt64>] = [0..<256 << 20]
  package var holes: [Range<UInt64>] = [0xa0000..<0x100000]
  package var cpus = 1
  package var layout = "bochs-2.7"
  package var shape = "6.1"
  package var isAMD = false
  /// Memory encryption of an AMD host: the C-bit, or 0.
  package var encryptionBit: UInt64 = 0
  package var release = "6.1.0-recipe-amd64"
  package var seed: UInt64 = 1
  package var isLA57 = false
  package var hasPTI = false
  package var hasVMCoreInfo = true
  /// The direct map's largest page.
  package var directMapPage: UInt64 = 1 << 30
  package var guests: [GuestSpec] = []
  package var shares: [ShareSpec] = []
  package var pokes: [PokeSpec] = []
  /// Host-physical ranges that the dump leaves out.
  package var filtered: [Range<UInt64>] = []
  /// The regions' layout is one that no catalogue has, with this revision id.
  package var unknownRevision: UInt32?
  /// Pages of the guests, and free ones of the host, end in words that name their owner.
  package var hasSecrets = false
  /// In page cache: host frames that no guest maps.
  package var forgeries: [ForgerySpec] = []
  /// Names in the kernel's memory, and how their table says addresses when not as the kernel's own release does.
  package var hasSymbols = false
  package var symbolForm: KallsymsForm?
  /// VMCOREINFO says where the names are.
  package var hasSymbolKeys = true
  package var hasTypes = false
  package var isKVMBuiltIn = false
  /// Where each guest_memfd keeps attributes of its own, what counts.
  package var ownAttributes: KVMShape.KVMForm.OwnAttributes?
  package var log = LogSpec()
  package var clock: ClockDescription?
  package var keptTime: KeptTimeDescription?
  /// What zswap compresses pages with, and packs them.
  package var zswap: (codec: String, allocator: KernelSwap.Allocator) = ("lzo", .zsmalloc)

  /// What the host's kernel says of itself, if anything.
  package var selfDescription: KernelSelfDescription? {
    guard hasSymbols || hasTypes, let shape = kvmShape else { return nil }
    var own = KernelSelfDescription(shape, hasTypes: hasTypes, isKVMBuiltIn: isKVMBuiltIn)
    own.symbols = hasSymbols ? symbolForm ?? own.shape.symbolForm : nil
    own.hasSymbolKeys = hasSymbolKeys
    return own
  }

  /// What the files of the host's kernel say, whatever its memory shows.
  package var fullDescription: KernelSelfDescription? {
    kvmShape.map {
      KernelSelfDescription($0, symbols: symbolForm, hasTypes: true, isKVMBuiltIn: isKVMBuiltIn)
    }
  }

  package var kvmShape: KVMShape? {
    var known = KVMShape.named(shape)
    known?.isAMD = isAMD
    known?.kvm.ownAttributes = ownAttributes
    if ownAttributes == .alone { known?.kvm.attributes = nil }
    return known
  }

  static let kernelVersion = "#1 SMP PREEMPT_DYNAMIC Recipe"

  /// The host's kernel.
  package var kernel: KernelDescription {
    var kernel = KernelDescription(release: release, nodeName: "host")
    kernel.version = HostSpec.kernelVersion
    kernel.isLA57 = isLA57
    kernel.encryptionBit = encryptionBit
    if isAMD { kernel.takeAMDName() }
    kernel.largestPage = directMapPage
    kernel.cpus = cpus
    kernel.hasLinkedPerCPU = shape == "7.3"
    kernel.hasBuildIDKey = shape != "4.18"
    kernel.selfDescription = selfDescription
    kernel.hasVMCoreInfoPointers = selfDescription != nil
    kernel.log = log.ring
    kernel.clock = clock
    kernel.keptTime = keptTime
    return kernel
  }
}

package struct GuestSpec: Sendable {
  package var name: String
  package var line: Int
  package var ram: [Range<UInt64>] = [0..<8 << 20]
  /// The largest page that backs the guest's memory.
  package var backingPage: UInt64 = 4096
  package var isShuffled = false
  /// The guest's kernel release, or `nil` for a guest that is no Linux.
  package var linux: String?
  package var isLA57 = false
  package var eptLevels = 4
  /// Killed before the crash: region and `vcpu_vmx` are left over, the rest is gone.
  package var isDead = false
  /// On an AMD host, bits of the VMCB's nested control: 2 SEV, 6 SEV-ES.
  package var encryption: UInt64 = 0
  /// It is a host itself, on AMD, and has its guest's VMCB at this guest-physical address.
  package var inner: UInt64?
  /// Zero pages of the guest map one frame of the host.
  package var sharesZero = false
  /// What its RAM is a mapping of; `nil`: anonymous memory.
  package var file: GuestFile?
  /// Ranges whose pages are large folios of so many frames.
  package var folios: [(range: Range<UInt64>, frames: UInt64)] = []
  /// Its VMM, where the host's kernel describes itself.
  package var process = ProcessSpec()
  package var vcpus: [VCPUSpec] = []
  /// Guest-physical ranges with something particular.
  package var ranges: [(kind: GuestRange, range: Range<UInt64>)] = []
  package var devices: [(range: Range<UInt64>, frame: UInt64)] = []
  /// Likewise, and nobody has looked at them yet: no table maps them.
  package var unseenDevices: [Range<UInt64>] = []
  /// What EPT maps beside all slots.
  package var strays: [(range: Range<UInt64>, frame: UInt64)] = []
  package var fakes: [FakeSpec] = []
  package var forgeries: [ForgerySpec] = []
  package var flood: FloodSpec?
  /// Places where EPT leads astray: to its own root, or to the table that serves `from`.
  package var bends: [(gpa: UInt64, from: UInt64?)] = []
  package var eptFloods: [EPTFloodSpec] = []
  package var pokes: [PokeSpec] = []
  /// Its kernel's image leads to its VMCOREINFO, as guests of hosts that describe themselves have it.
  package var hasVMCoreInfoPointers = false
  package var log = LogSpec()
  package var clock: VMClockDescription?

  /// Its kernel, if it is a Linux; one CPU's.
  package var kernel: KernelDescription? {
    guard let linux else { return nil }
    var kernel = KernelDescription(release: linux, nodeName: name)
    kernel.version = HostSpec.kernelVersion
    kernel.isLA57 = isLA57
    kernel.imageSize = 2 << 20
    kernel.largestPage = 2 << 20
    kernel.perCPUPages = 2
    kernel.hasVMCoreInfoPointers = hasVMCoreInfoPointers
    kernel.log = log.ring
    return kernel
  }
}

/// A file whose mapping a guest's RAM is.
package enum GuestFile: String, Sendable, CaseIterable {
  /// Shared memory: every page of the guest is the file's.
  case memfd
  /// A private mapping: pages that were written are no longer the file's, which still has the old ones.
  case `private`
  /// Of hugetlbfs, with pages as large as the guest's backing.
  case hugetlbfs
  /// On persistent memory, whose pages are the device's own.
  case dax
}

/// What can be said of a range of a guest's memory.
package enum GuestRange: String, Sendable, CaseIterable {
  /// Nobody ever touched it: neither EPT nor the VMM's page tables map it.
  case untouched
  /// The VMM's page tables map it, EPT does not.
  case hvaOnly = "hva-only"
  /// The VMM's page tables hold swap entries, EPT nothing.
  case swapped
  /// As hva-only, by an entry without the present bit: on its way to another node.
  case protNone = "prot-none"
  /// As hva-only, by an entry that says that the page is being moved.
  case migrating
  /// As hva-only, on the kernel's zero page.
  case zeroPage = "zero-page"
  /// Entries that say why there is no page: lost by the memory, in a device's memory.
  case hwpoison
  case devicePrivate = "device-private"
  /// An entry that marks a page as lost, without a frame.
  case poisonMarker = "poison-marker"
  /// An entry that says no more than that the page, if there is one, is write-protected: the range is also something else.
  case protectionMarker = "protection-marker"
  /// Nobody has the page yet, and who handles userfaultfd is to bring it.
  case userfault
  /// Of a guest in a file: the file has the page in memory, and neither EPT nor the page tables map it.
  case cached
  /// In the guest's own guest_memfd; the VMM's page tables have what was there before. The range is also something else
  /// where EPT does not map it.
  case `private`
  /// Of a guest in a file: a swap entry stands for the page in the file.
  case cacheSwapped = "cache-swapped"
  /// As hva-only, by a swap entry: the swap cache has the page.
  case swapCached = "swap-cached"
  /// A swap entry whose page in the swap cache is still to be read: it holds what was there before.
  case swapReading = "swap-reading"
  /// The VMM's page tables hold swap entries of pages that were zeros.
  case swapZero = "swap-zero"
  /// The VMM's page tables hold swap entries, and zswap the pages.
  case zswapped
  /// Of a guest in a file: the file has swap entries, and zswap the pages.
  case cacheZswapped = "cache-zswapped"
  /// Of a guest in a file: the file has a page that nobody has cleared yet, as fallocate leaves it.
  case cacheUnready = "cache-unready"
  /// Pages that do not compress.
  case noise
  /// Mapped as usual; the host dump leaves the frames out.
  case filter
  /// Pages of zeros.
  case zero

  /// Those whose guest frames have no frame of their own.
  package static let withoutFrame: [GuestRange] = [
    .untouched, .swapped, .zeroPage, .hwpoison, .devicePrivate, .poisonMarker, .userfault, .cacheSwapped,
    .swapReading, .swapZero, .zswapped, .cacheZswapped, .cacheUnready,
  ]
  /// Of these, those whose pages are somewhere all the same.
  package static let kept: [GuestRange] = [.zswapped, .cacheZswapped]
}

package struct VCPUSpec: Sendable {
  package var line: Int
  package var description = VCPUDescription()
}

/// Two guests' pages merged into one frame, as KSM does: the second takes the first's.
package struct ShareSpec: Sendable {
  package var line: Int
  package var first: String
  package var firstGPA: UInt64
  package var second: String
  package var secondGPA: UInt64
}

/// A byte-exact copy of a vCPU's region in a guest's own memory.
package struct FakeSpec: Sendable {
  package var line: Int
  package var gpa: UInt64
  package var guest: String
  package var vcpu: Int
}

/// A region that nobody runs, made from a vCPU's true one, with what an attacker can put around it.
package struct ForgerySpec: Sendable {
  /// What its EPT maps.
  package enum Map: Sendable, Equatable {
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
  package enum Machine: Sendable { case none, own, genuine, kernel }

  package var line: Int
  /// In the guest's memory; `nil`: a host frame that no guest maps.
  package var gpa: UInt64?
  package var guest: String
  package var vcpu: Int
  package var map = Map.copied
  package var machine = Machine.none
  /// The vCPU's own registers, which KVM keeps in its `vcpu_vmx`, look like the region's `loaded_vmcs`.
  package var isInRegisters = false
  /// The region's layout where it is not the host's.
  package var layout: String?
  package var fields: [String: UInt64] = [:]

  /// Neighbouring frames that region, structures and tables take.
  package static let frames: UInt64 = 32
}

/// What every page of a guest begins with, or is, where nothing else of it stands.
package enum FloodSpec: Sendable {
  /// The revision id and an abort indicator of 0.
  case heads
  /// A vCPU's region, byte for byte.
  case copies(line: Int, guest: String, vcpu: Int)
}

package struct PokeSpec: Sendable {
  package var address: UInt64
  package var bytes: [UInt8]
}

/// A recipe that cannot be read or built. Line 0: the fault shows only while building.
package struct RecipeMistake: Error, Equatable, CustomStringConvertible {
  package var line: Int
  package var text: String

  package init(line: Int, text: String) {
    self.line = line
    self.text = text
  }

  package var description: String { "recipe line \(line): \(text)" }
}
