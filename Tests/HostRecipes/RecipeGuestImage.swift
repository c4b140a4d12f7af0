import HostModel

/// A guest's memory by guest-physical address, before it has a place in the host.
package struct RecipeGuestImage: Sendable {
  package let spec: GuestSpec
  package var space: RecipeSpace
  package let program: GuestProgram
  /// Guest RAM above this many bytes gets content only at the start of each range.
  private static let contentLimit: UInt64 = 64 << 20
  private static let contentStart: UInt64 = 16 << 20

  /// `shared` are the guest's frames that sharing will replace or lend; `owner` is who its secrets name.
  package init(_ spec: GuestSpec, seed: UInt64, shared: [UInt64], owner: UInt64? = nil) throws(RecipeMistake) {
    self.spec = spec
    var space = RecipeSpace(
      name: "guest \(spec.name)", ram: spec.ram.map { $0.lowerBound >> 12..<$0.upperBound >> 12 }, seed: seed)
    do throws(RecipeMistake) {
      try RecipeGuestImage.reserve(spec, shared: shared, in: &space)
      if var kernel = spec.kernel {
        kernel.cpus = max(spec.vcpus.count, 1)
        let image = try space.allocate(kernel.imageSize >> 12, alignment: 512) << 12
        program = try GuestProgram.linux(kernel, image: image, in: &space)
      } else {
        program = try GuestProgram.loader(isLA57: spec.isLA57, in: &space)
      }
    } catch { throw RecipeMistake(line: spec.line, text: error.text) }
    self.space = space
    fill(seed: seed)
    if let owner { hideSecrets(owner) }
    for poke in spec.pokes { self.space.memory.write(poke.bytes, at: poke.address) }
  }

  /// Whether a range of this kind has the frame.
  package func has(_ frame: UInt64, _ kinds: GuestRange...) -> Bool {
    spec.ranges.contains { kinds.contains($0.kind) && $0.range.contains(frame << 12) }
  }

  /// Keeps the guest's kernel out of pages that will not be there, or will be something else.
  private static func reserve(
    _ spec: GuestSpec, shared: [UInt64], in space: inout RecipeSpace
  ) throws(RecipeMistake) {
    for (kind, range) in spec.ranges {
      let frames = range.lowerBound >> 12..<range.upperBound >> 12
      switch kind {
      case .filter, .hvaOnly, .protNone, .migrating, .cached, .swapCached, .zswapped, .cacheZswapped, .noise:
        space.avoid(frames)
      case .zero: space.reserve(frames)
      case let kind where GuestRange.withoutFrame.contains(kind): space.reserve(frames)
      default: break
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

  private mutating func fill(seed: UInt64) {
    let total = space.ram.reduce(0) { $0 + UInt64($1.count) << 12 }
    for run in space.ram {
      let whole = total <= RecipeGuestImage.contentLimit
      let end = whole ? run.upperBound : min(run.upperBound, run.lowerBound + RecipeGuestImage.contentStart >> 12)
      for frame in run.lowerBound..<end where space.memory.pages[frame] == nil {
        let inImage = program.kernel.map { (frame << 12) &- $0.image < $0.description.imageSize } ?? false
        guard inImage || !space.isUsed(frame) else { continue }
        let words =
          has(frame, .noise)
          ? RecipeContent.noise(seed: seed ^ frame, words: 512)
          : has(frame, .zswapped, .cacheZswapped)
            ? RecipeContent.small(frame: frame, seed: seed) : RecipeContent.page(frame: frame, seed: seed)
        space.memory.setWords(words, frame: frame)
      }
    }
  }
}

extension RecipeGuestImage {
  /// Ends every page that is the guest's own to fill with words that name the guest.
  fileprivate mutating func hideSecrets(_ owner: UInt64) {
    for frame in space.ram.joined()
    where !space.isUsed(frame) && !has(frame, .zero)
      && (has(frame, .zswapped, .cacheZswapped) || !GuestRange.withoutFrame.contains { has(frame, $0) })
    {
      RecipeSecret.write(owner: owner, frame: frame, to: &space.memory)
    }
  }
}
