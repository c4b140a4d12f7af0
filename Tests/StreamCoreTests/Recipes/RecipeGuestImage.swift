/// A guest's memory by guest-physical address, before it has a place in the host.
struct RecipeGuestImage: Sendable {
  let spec: GuestSpec
  var space: RecipeSpace
  /// The guest's kernel, or `nil` for a guest that is no Linux.
  private(set) var kernel: RecipeKernel?
  /// Page tables of a process, with the kernel's half; those of the whole guest when it is no Linux.
  private(set) var process: RecipePageTables
  /// GPA of a page of code: `sti, hlt` at its start.
  private(set) var code: UInt64 = 0
  /// Where the process maps that page.
  static let userCode: UInt64 = 0x5555_5555_4000
  /// Guest RAM above this many bytes gets content only at the start of each range.
  private static let contentLimit: UInt64 = 64 << 20
  private static let contentStart: UInt64 = 16 << 20

  /// `shared` are the guest's frames that sharing will replace or lend; `owner` is who its secrets name.
  init(_ spec: GuestSpec, seed: UInt64, shared: [UInt64], owner: UInt64? = nil) throws(RecipeMistake) {
    self.spec = spec
    space = RecipeSpace(
      name: "guest \(spec.name)", ram: spec.ram.map { $0.lowerBound >> 12..<$0.upperBound >> 12 }, seed: seed)
    process = RecipePageTables(root: 0, levels: 4)
    do throws(RecipeMistake) {
      try reserve(shared: shared)
      if let release = spec.linux {
        try buildLinux(release)
      } else {
        try buildPlain()
      }
    } catch { throw RecipeMistake(line: spec.line, text: error.text) }
    fill(seed: seed)
    if let owner { hideSecrets(owner) }
    for poke in spec.pokes { space.memory.write(poke.bytes, at: poke.address) }
  }

  /// Whether a range of this kind has the frame.
  func has(_ frame: UInt64, _ kinds: GuestRange...) -> Bool {
    spec.ranges.contains { kinds.contains($0.kind) && $0.range.contains(frame << 12) }
  }

  /// Keeps the guest's kernel out of pages that will not be there, or will be something else.
  private mutating func reserve(shared: [UInt64]) throws(RecipeMistake) {
    for (kind, range) in spec.ranges {
      let frames = range.lowerBound >> 12..<range.upperBound >> 12
      switch kind {
      case .filter, .hvaOnly: space.avoid(frames)
      case .untouched, .swapped, .zero: space.reserve(frames)
      }
    }
    for device in spec.devices { space.reserve(device.range.lowerBound >> 12..<device.range.upperBound >> 12) }
    for forgery in spec.forgeries {
      guard let gpa = forgery.gpa, let last = Optional(gpa >> 12 + ForgerySpec.frames - 1), space.isRAM(gpa >> 12),
        space.isRAM(last)
      else { throw RecipeMistake(line: forgery.line, text: "forge: no RAM there") }
      space.reserve(gpa >> 12..<last + 1)
    }
    for frame in shared + spec.fakes.map({ $0.gpa >> 12 }) + spec.pokes.map({ $0.address >> 12 }) {
      guard space.isRAM(frame) else {
        throw RecipeMistake(line: spec.line, text: "\(spec.name): GPA \(String(frame << 12, radix: 16)) is no RAM")
      }
      space.reserve(frame..<frame + 1)
    }
  }

  private mutating func buildLinux(_ release: String) throws(RecipeMistake) {
    let kernel = try RecipeKernel(
      release: release, nodeName: spec.name, isLA57: spec.isLA57, image: try space.allocate(512, alignment: 512) << 12,
      imageSize: 2 << 20, largest: 2 << 20, cpus: max(spec.vcpus.count, 1), perCPUPages: 2, in: &space)
    process = RecipePageTables(root: try space.allocatePage(), levels: kernel.tables.levels)
    try mapCode(at: RecipeGuestImage.userCode, flags: RecipePageTables.Flags.userTable)
    kernel.tables.copyKernelHalf(to: process, in: &space)
    self.kernel = kernel
  }

  /// Identity mapping of the RAM below 4 GiB, as a loader leaves it.
  private mutating func buildPlain() throws(RecipeMistake) {
    process = RecipePageTables(root: try space.allocatePage(), levels: spec.isLA57 ? 5 : 4)
    for run in space.ram where run.lowerBound < 1 << 20 {
      let start = run.lowerBound << 12
      let count = (min(run.upperBound, 1 << 20) - run.lowerBound) << 12
      try process.map(
        run: start, to: start, count: count, largest: 2 << 20, flags: RecipePageTables.Flags.kernelTable, in: &space)
    }
    try mapCode(at: RecipeGuestImage.userCode, flags: RecipePageTables.Flags.kernelTable)
  }

  private mutating func mapCode(at virtual: UInt64, flags: UInt64) throws(RecipeMistake) {
    code = try space.allocatePage()
    space.memory.write([0xfb, 0xf4, 0xc3], at: code)
    try process.map(virtual, to: code, flags: flags, in: &space)
  }

  private mutating func fill(seed: UInt64) {
    let total = space.ram.reduce(0) { $0 + UInt64($1.count) << 12 }
    for run in space.ram {
      let whole = total <= RecipeGuestImage.contentLimit
      let end = whole ? run.upperBound : min(run.upperBound, run.lowerBound + RecipeGuestImage.contentStart >> 12)
      for frame in run.lowerBound..<end where space.memory.pages[frame] == nil {
        let inImage = kernel.map { (frame << 12) &- $0.image < $0.imageSize } ?? false
        guard inImage || !space.isUsed(frame) else { continue }
        space.memory.setWords(RecipeContent.page(frame: frame, seed: seed), frame: frame)
      }
    }
  }
}

extension RecipeGuestImage {
  /// Ends every page that is the guest's own to fill with words that name the guest.
  fileprivate mutating func hideSecrets(_ owner: UInt64) {
    for frame in space.ram.joined() where !space.isUsed(frame) && !has(frame, .untouched, .swapped, .zero) {
      RecipeSecret.write(owner: owner, frame: frame, to: &space.memory)
    }
  }
}

/// 64 bytes at a page's end that say whose page it is, wherever they turn up.
enum RecipeSecret {
  /// "tenants'" and "secrets!", as bytes in memory.
  static let marker: [UInt8] = Array("tenants'secrets!".utf8)
  /// The owner of the host's own pages.
  static let host: UInt64 = 0xff

  static func write(owner: UInt64, frame: UInt64, to memory: inout RecipeMemory) {
    let place = frame << 12 | 0xfc0
    memory.store(RecipeReaders.le(marker, 0, 8), at: place)
    memory.store(RecipeReaders.le(marker, 8, 8), at: place + 8)
    memory.store(owner, at: place + 16)
    for word in 3..<8 as Range<UInt64> {
      memory.store(RecipeRandom.mix(owner << 40 | frame << 3 | word), at: place + word * 8)
    }
  }
}

/// Where a guest's frames lie in the host.
struct RecipeBacking: Sendable {
  /// Runs of guest frames over runs of host frames, ascending by guest frame.
  private(set) var runs: [(gfn: Range<UInt64>, frame: UInt64)] = []
  /// Frames that differ from the runs: shared ones.
  var single: [UInt64: UInt64] = [:]

  mutating func append(_ gfn: Range<UInt64>, at frame: UInt64) { runs.append((gfn, frame)) }

  /// The same frames in any order, page by page.
  func shuffled(_ random: inout RecipeRandom) -> RecipeBacking {
    let gfns = runs.flatMap { Array($0.gfn) }
    var frames = runs.flatMap { run in run.gfn.map { run.frame + $0 - run.gfn.lowerBound } }
    for index in frames.indices.dropFirst().reversed() {
      frames.swapAt(index, Int(random.below(UInt64(index) + 1)))
    }
    var backing = RecipeBacking()
    for (gfn, frame) in zip(gfns, frames) { backing.append(gfn..<gfn + 1, at: frame) }
    return backing
  }

  /// The host frame behind a guest frame.
  func frame(_ gfn: UInt64) -> UInt64? {
    if let frame = single[gfn] { return frame }
    guard let run = run(gfn) else { return nil }
    return run.frame + gfn - run.gfn.lowerBound
  }

  /// The host frame behind `count` guest frames when both are aligned to `count` and the run is in one piece.
  func block(_ gfn: UInt64, count: UInt64) -> UInt64? {
    guard gfn % count == 0, let run = run(gfn), gfn + count <= run.gfn.upperBound else { return nil }
    let frame = run.frame + gfn - run.gfn.lowerBound
    guard frame % count == 0 else { return nil }
    return single.isEmpty || !(gfn..<gfn + count).contains { single[$0] != nil } ? frame : nil
  }

  private func run(_ gfn: UInt64) -> (gfn: Range<UInt64>, frame: UInt64)? {
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].gfn.upperBound <= gfn { low = middle + 1 } else { high = middle }
    }
    return low < runs.count && runs[low].gfn.contains(gfn) ? runs[low] : nil
  }
}
