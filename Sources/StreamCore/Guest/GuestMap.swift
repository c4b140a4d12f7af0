/// A guest's memory as its second-level map has it: which guest frames there are, and what of them the dump holds.
/// Which host frame backs which is not kept here, for that grows with the guest (`Extent`).
struct GuestMap: Sendable {
  /// Its pages are counted; else only its slots are known.
  var isCounted = true
  /// Guest frames of RAM that are mapped; empty where only their number was asked for.
  var known = FrameBitmap()
  /// Those whose bytes the dump holds; empty where only their number was asked for.
  var present = FrameBitmap()
  /// How many frames `known` and `present` have, or had.
  var knownPages: UInt64 = 0
  var presentPages: UInt64 = 0
  /// Where its RAM is: its slots but for ROM; else blocks of 2 MiB in which at least one page is mapped, as pages that a
  /// guest never touched have no entry, so that single pages do not tell. Joined; addresses, the end exclusive.
  var ram: [Range<UInt64>] = []
  /// For each root, the guest frames in `present` that it adds to those of the roots before it; nothing for the first,
  /// which has the rest.
  var supplements: [FrameBitmap] = []
  /// Guest frames mapped to frames that the host dump does not know as RAM; empty where only their number was asked for.
  var devices = FrameBitmap()
  var devicePages: UInt64 = 0
  /// Mapped RAM whose bytes the dump does not hold, by reason.
  var absent: [AbsentReason: UInt64] = [:]
  /// Of the pages in `known`, which word they are known by.
  var sources: [MapSource: UInt64] = [:]
  /// Pages in `present` that are the host kernel's zero pages: their content is known without the dump.
  var zeroPages: UInt64 = 0
  /// Pages of the guest's slots that nothing stands behind: never touched. `nil` where the slots are not known.
  var untouchedPages: UInt64?
  /// Pages in `present` whose bytes cannot be had after all, as far as the dump says where they lie.
  var faults = GuestFaults()
  /// That was looked up; else `present` is what the dump's bitmaps say.
  var isChecked = false
  /// What the walks of all roots met.
  var counts = MapCounts()
  /// Workers that shared out the walk of one root.
  var workers = 0
  /// Host frames of others' evidence that this map reaches.
  var reached: [UInt64] = []
  /// Guest frames, ascending, whose pages begin as VMCOREINFO does; the first few.
  var places: [UInt64] = []

  /// Pages whose bytes the dump holds for this guest; the kernel's zero pages are everybody's.
  var heldPages: UInt64 { presentPages - min(presentPages, zeroPages + faults.count) }

  /// Bytes of memory that the bitmaps take.
  var byteCount: Int {
    let own = absent.values.contains { $0 > 0 } ? known.byteCount : 0
    return own + present.byteCount + devices.byteCount + supplements.reduce(0) { $0 + $1.byteCount }
  }

  /// Ends the building. Where nothing is absent, both bitmaps share their memory.
  mutating func freeze(absent missing: FrameBitmap) {
    present.freeze()
    known = present
    if missing.count > 0 { known.formUnion(missing) }
    known.freeze()
    for index in supplements.indices { supplements[index].freeze() }
    reached = Set(reached).sorted()
    places = VMCoreInfoSearch.kept(places)
    devices.freeze()
    devicePages = devices.count
    knownPages = known.count
    presentPages = present.count
    ram = Self.ram(known)
  }

  /// Takes the slots' word for where the guest's memory is.
  /// - Parameter isDevice: of a slot of which nothing is mapped, whether the VMM has a device there.
  mutating func note(_ slots: [MemorySlot], isDevice: (MemorySlot) -> Bool) {
    let pages = slots.reduce(0) { $0 &+ UInt64($1.frames.count) }
    var backed = knownPages &+ devicePages &+ counts.unread.count
    ram = []
    for slot in slots {
      if self.isDevice(slot) || isUnmapped(slot) && isDevice(slot) {
        // Nobody has looked at the rest of it.
        let rest = UInt64(slot.frames.count) - Self.count(devices, slot)
        backed &+= rest
        if isCounted { devicePages &+= rest }
        continue
      }
      if slot.isReadOnly { continue }
      let bytes = slot.frames.lowerBound << 12..<slot.frames.upperBound << 12
      if let last = ram.last, last.upperBound == bytes.lowerBound {
        ram[ram.count - 1] = last.lowerBound..<bytes.upperBound
      } else {
        ram.append(bytes)
      }
    }
    if isCounted { untouchedPages = pages > backed ? pages - backed : 0 }
  }

  private static func count(_ frames: FrameBitmap, _ slot: MemorySlot) -> UInt64 {
    frames.rank(slot.frames.upperBound) - frames.rank(slot.frames.lowerBound)
  }

  /// What is mapped of a slot is no RAM: a device's registers or memory.
  private func isDevice(_ slot: MemorySlot) -> Bool { Self.count(devices, slot) > 0 && Self.count(known, slot) == 0 }

  private func isUnmapped(_ slot: MemorySlot) -> Bool { Self.count(devices, slot) + Self.count(known, slot) == 0 }

  /// Forgets which pages there are and keeps their numbers.
  mutating func dropPages() {
    known = FrameBitmap()
    present = FrameBitmap()
    devices = FrameBitmap()
    supplements = []
    known.freeze()
    present.freeze()
  }

  private static func ram(_ known: FrameBitmap) -> [Range<UInt64>] {
    let block: UInt64 = 2 << 20
    var ranges: [Range<UInt64>] = []
    known.forEachRun { run in
      let start = run.lowerBound << 12 & ~(block - 1)
      let end = (run.upperBound << 12 + block - 1) & ~(block - 1)
      if let last = ranges.last, start <= last.upperBound {
        ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, end)
      } else {
        ranges.append(start..<end)
      }
    }
    return ranges
  }
}
