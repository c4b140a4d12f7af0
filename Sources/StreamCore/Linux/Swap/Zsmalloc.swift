/// The allocator that packs objects into zspages of up to 16 frames, which need not be neighbours.
///
/// A handle leads to a word that says where the object is; how, depends on how the kernel was built. The object begins
/// with its handle, or its first page has it, so that one reading alone can be right, and a wrong handle leads nowhere.
/// Source: mm/zsmalloc.c, mm/zpdesc.h; Documentation/kvm.md §9.
struct Zsmalloc: Sendable {
  private let reader: KernelReader
  private let structs: PageStructs
  /// Of a `zs_pool`: its classes, pointers.
  private let classes: KernelMember
  // size_class
  private let size: ResolvedPath
  private let pages: ResolvedPath
  private let objects: ResolvedPath
  private let number: ResolvedPath
  // zspage
  private let magic: ResolvedPath
  private let classNumber: ResolvedPath
  private let first: ResolvedPath
  /// Since 5.18.
  private let owner: ResolvedPath?
  /// Of a `struct page`: its zspage; the page behind it, or of a page that is one object that object's handle.
  private let zspage: UInt64
  private let next: UInt64

  /// Source: ZSPAGE_MAGIC.
  private static let magicNumber: UInt64 = 0x58
  /// Frames of a zspage at most. Source: CONFIG_ZSMALLOC_CHAIN_SIZE.
  private static let chainLimit: UInt64 = 16
  /// In front of an object that does not fill its page. Source: ZS_HANDLE_SIZE, OBJ_ALLOCATED_TAG.
  private static let handleSize: UInt64 = 8
  private static let allocated: UInt64 = 1
  /// Sizes of classes: how many there are, the least, and how far they are apart, bytes.
  private static let classCount = 255
  private static let smallest: UInt64 = 32
  private static let step: UInt64 = 16
  /// Where a frame number stands in an object's place, and whether bit 0 is a tag: MAX_POSSIBLE_PHYSMEM_BITS is 52 or
  /// 46, and the tag has had a bit of its own or not.
  private static let forms: [(shift: UInt64, tag: UInt64)] = [(24, 1), (24, 0), (23, 0), (30, 1), (30, 0), (29, 0)]

  init(_ kernel: DescribedKernel, _ structs: PageStructs) throws(TypeFault) {
    let types = kernel.types
    reader = kernel.reader
    self.structs = structs
    classes = try types.member("zs_pool.size_class")
    size = try types.path("size_class.size")
    pages = try types.path("size_class.pages_per_zspage")
    objects = try types.path("size_class.objs_per_zspage")
    number = try types.path("size_class.index")
    magic = try types.path("zspage.magic")
    classNumber = try types.path("zspage.class")
    first = try types.has("zspage.first_zpdesc") ? types.path("zspage.first_zpdesc") : types.path("zspage.first_page")
    owner = types.has("zspage.pool") ? try types.path("zspage.pool") : nil
    // Since 6.14 a `struct page` of it is called zpdesc.
    if types.has("zpdesc.zspage") {
      zspage = try types.offset("zpdesc.zspage", below: 4096)
      next = try types.offset("zpdesc.next", below: 4096)
    } else {
      zspage = try types.offset("page.private", below: 4096)
      next = try types.offset("page.index", below: 4096)
    }
  }

  /// Where the bytes of an object stand.
  /// - Parameter count: of them, 1 to 4096.
  func parts(of handle: VirtualAddress, count: Int, in pool: VirtualAddress) throws(ZswapFault) -> [CompressedPage.Part]
  {
    guard let place = word(handle) else { throw .unreadable("a handle of zsmalloc") }
    var found: [[CompressedPage.Part]] = []
    var fault = ZswapFault.damaged("a handle of zsmalloc leads to no object of its own")
    for form in Self.forms {
      let index = place >> form.tag & (1 << (form.shift - form.tag) - 1)
      do throws(ZswapFault) {
        guard let parts = try parts(index, in: place >> form.shift, handle, count, pool), !found.contains(parts) else {
          continue
        }
        found.append(parts)
      } catch { fault = error }
    }
    guard found.count == 1 else { throw found.isEmpty ? fault : .damaged("a handle of zsmalloc leads to two objects") }
    return found[0]
  }

  /// `nil`: there is no such object, or it is another handle's.
  private func parts(
    _ index: UInt64, in frame: UInt64, _ handle: VirtualAddress, _ count: Int, _ pool: VirtualAddress
  ) throws(ZswapFault) -> [CompressedPage.Part]? {
    guard frame < 1 << 40, let page = structs.page(of: frame), let zspage = pointer(page &+ zspage),
      value(magic, zspage) == Self.magicNumber, let classNumber = value(classNumber, zspage),
      owner.map({ value($0, zspage) == pool.rawValue }) ?? true,
      let count64 = UInt64(exactly: count), let classCount = classes.count, classNumber < UInt64(classCount),
      let sizeClass = pointer(pool &+ UInt64(classes.offset) &+ 8 &* classNumber),
      value(number, sizeClass) == classNumber, let size = value(size, sizeClass), (32...4096).contains(size),
      let pages = value(pages, sizeClass), (1...Self.chainLimit).contains(pages),
      let objects = value(objects, sizeClass), index < objects, objects <= pages * 4096 / size
    else { return nil }
    let start = index * size
    guard try self.page(start >> 12, of: zspage) == page else { return nil }
    let fills = objects == 1 && pages == 1
    var offset = start & 4095
    if fills {
      guard let back = word(page &+ next), back & ~Self.allocated == handle.rawValue else { return nil }
    } else {
      guard let back = reader.kernel.memory.u64(frame << 12 + offset), back == handle.rawValue | Self.allocated else {
        return nil
      }
    }
    let head = fills ? 0 : Self.handleSize
    guard count64 + head <= size, isClass(sizeClass, of: count64, in: pool) else {
      throw .damaged("an object of zsmalloc is of another length than what shall stand there")
    }
    offset += head
    let inFirst = min(count64, offset < 4096 ? 4096 - offset : 0)
    var parts: [CompressedPage.Part] = []
    if inFirst > 0 { parts.append(.init(frame: frame, offset: Int(offset), count: Int(inFirst))) }
    guard inFirst < count64 else { return parts }
    guard let second = structs.frame(of: try self.page(start >> 12 + 1, of: zspage)) else { return nil }
    let skipped = offset > 4096 ? offset - 4096 : 0
    parts.append(.init(frame: second, offset: Int(skipped), count: Int(count64 - inFirst)))
    return parts
  }

  /// Whether objects of so many bytes go into a class; where classes are not those that are known, it may be.
  /// Source: mm/zsmalloc.c, get_size_class_index, ZS_SIZE_CLASSES.
  private func isClass(_ sizeClass: VirtualAddress, of count: UInt64, in pool: VirtualAddress) -> Bool {
    guard classes.count == Self.classCount else { return true }
    let size = max(count + Self.handleSize, Self.smallest)
    let index = min((size - Self.smallest + Self.step - 1) / Self.step, UInt64(Self.classCount) - 1)
    return pointer(pool &+ UInt64(classes.offset) &+ 8 &* index) == sizeClass
  }

  /// The `struct page` of one of a zspage's frames.
  private func page(_ number: UInt64, of zspage: VirtualAddress) throws(ZswapFault) -> VirtualAddress {
    guard number < Self.chainLimit, let start = value(first, zspage) else { throw .unreadable("a zspage") }
    var page = VirtualAddress(rawValue: start)
    for _ in 0..<number {
      guard let following = pointer(page &+ next) else { throw .damaged("a zspage has fewer pages than its class") }
      page = following
    }
    guard structs.frame(of: page) != nil, pointer(page &+ self.zspage) == zspage else {
      throw .damaged("a page of a zspage is not its own")
    }
    return page
  }

  private func value(_ path: ResolvedPath, _ place: VirtualAddress) -> UInt64? { try? reader.value(path, at: place) }

  private func word(_ place: VirtualAddress) -> UInt64? {
    reader.kernel.isPointer(place.rawValue) ? reader.kernel.u64(place.rawValue) : nil
  }

  private func pointer(_ place: VirtualAddress) -> VirtualAddress? {
    word(place).flatMap { reader.kernel.isPointer($0) ? VirtualAddress(rawValue: $0) : nil }
  }
}
