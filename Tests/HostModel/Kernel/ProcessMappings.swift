/// What a process maps, as it shall be: its `vm_area_struct`s, and the files behind them.
public struct ProcessMappings: Sendable {
  /// One `vm_area_struct`.
  public struct Area: Sendable {
    public var addresses: Range<UInt64>
    public var flags: UInt64
    /// Which of `files`, and the first page of it in 4 KiB; `nil`: no file.
    public var file: Int?
    public var page: UInt64

    public init(_ addresses: Range<UInt64>, flags: UInt64, file: Int? = nil, page: UInt64 = 0) {
      self.addresses = addresses
      self.flags = flags
      self.file = file
      self.page = page
    }
  }

  /// VM_*. Source: include/linux/mm.h.
  public enum Flags {
    /// Read, write, and that both may be.
    public static let data: UInt64 = 0x73
    public static let shared: UInt64 = 0x8
    public static let userfaultMissing: UInt64 = 0x200
    /// VM_PFNMAP, VM_IO, VM_DONTEXPAND, VM_DONTDUMP.
    public static let device: UInt64 = 0x400 | 0x4000 | 0x4_0000 | 0x400_0000
    public static let huge: UInt64 = 0x40_0000
  }

  /// A file and what of it is in memory.
  public struct File: Sendable {
    public enum Kind: Sendable, Equatable {
      /// Of shared memory or of a disk.
      case ordinary
      /// Of hugetlbfs, with pages of `1 << order` frames.
      case huge(order: UInt64)
      case dax
    }
    public enum Content: Sendable {
      case frame(UInt64)
      /// Swapped out: type and offset.
      case swapped(type: UInt64, offset: UInt64)
    }
    public struct Entry: Sendable {
      /// In 4 KiB.
      public var page: UInt64
      public var order: UInt64
      public var content: Content
      /// Its frame has its bytes; else those of whoever had the frame before.
      public var isUpToDate: Bool

      public init(page: UInt64, order: UInt64, _ content: Content, isUpToDate: Bool = true) {
        self.isUpToDate = isUpToDate
        self.page = page
        self.order = order
        self.content = content
      }
    }

    public var kind: Kind
    /// Of shared memory, not of a disk.
    public var isShared = false
    /// Ascending.
    public var entries: [Entry] = []

    public init(_ kind: Kind) { self.kind = kind }
  }

  public var areas: [Area] = []
  public var files: [File] = []

  public init() {}

  /// Adds what another part of the process maps.
  public mutating func add(_ other: ProcessMappings) {
    areas += other.areas.map { area in
      var area = area
      area.file = area.file.map { $0 + files.count }
      return area
    }
    files += other.files
  }

  /// A program and its libraries: so many that their tree has several levels.
  static func program() -> ProcessMappings {
    var mappings = ProcessMappings()
    mappings.files = [File(.ordinary), File(.ordinary)]
    var at: UInt64 = 0x5555_5555_4000
    for number in 0..<40 as Range<UInt64> {
      let end = at + 0x3000 + number << 12
      let file = number % 3 == 2 ? nil : Int(number / 3 % 2)
      mappings.areas.append(Area(at..<end, flags: Flags.data, file: file, page: number << 4))
      // Some are neighbours.
      at = number % 4 == 1 ? end : end + 0x5000
    }
    mappings.areas.append(Area(0x7ffc_1234_5000..<0x7ffc_1235_0000, flags: Flags.data | 0x100))
    return mappings
  }
}
