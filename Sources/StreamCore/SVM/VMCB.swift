/// The page in which the processor keeps a guest's vCPU, the same on all AMD processors: a control area, and from 0x400 on
/// the save area. Source: AMD APM vol. 2, appendix B; arch/x86/include/asm/svm.h; Documentation/amd.md §1.
struct VMCB: Sendable, Equatable {
  /// Where the page lies; a multiple of 4096.
  let address: HPA
  let page: Page

  subscript(field: Field) -> UInt64 { field.load(page) }

  /// A field by its place in the page and its size, both in bytes.
  struct Field: Sendable, Hashable {
    let offset: Int
    let size: Int

    private init(_ offset: Int, _ size: Int = 8) {
      self.offset = offset
      self.size = size
    }

    /// All places lie inside the page.
    func load(_ page: Page) -> UInt64 {
      switch size {
      case 1: UInt64(page.u32(offset & ~3) >> UInt32(8 * (offset & 3)) & 0xff)
      case 4: UInt64(page.u32(offset))
      default: page.u64(offset)
      }
    }

    /// Control area. Intercepts of instructions, the second word of them: bit 0 is VMRUN.
    static let intercepts2 = Field(0x10, 4)
    static let iopmBase = Field(0x40)
    static let msrpmBase = Field(0x48)
    static let asid = Field(0x58, 4)
    static let exitCode = Field(0x70)
    /// Bit 0: nested paging, 1: SEV, 2: SEV-ES.
    static let nestedControl = Field(0x90)
    static let nestedCR3 = Field(0xb0)

    /// Save area.
    static let cpl = Field(0x4cb, 1)
    static let efer = Field(0x4d0)
    static let cr4 = Field(0x548)
    static let cr3 = Field(0x550)
    static let cr0 = Field(0x558)
    static let dr7 = Field(0x560)
    static let dr6 = Field(0x568)
    static let rflags = Field(0x570)
    static let rip = Field(0x578)
    static let rsp = Field(0x5d8)
    static let rax = Field(0x5f8)
    static let star = Field(0x600)
    static let lstar = Field(0x608)
    static let cstar = Field(0x610)
    static let sfmask = Field(0x618)
    static let kernelGSBase = Field(0x620)
    static let sysenterCS = Field(0x628)
    static let sysenterESP = Field(0x630)
    static let sysenterEIP = Field(0x638)
    static let cr2 = Field(0x640)
    static let pat = Field(0x668)
  }

  /// EFER.SVME, which KVM sets in the save area of each guest, and a guest reads only where it has SVM itself.
  static let svme: UInt64 = 1 << 12

  /// Memory encryption of the guest, `nil`: its memory is in the clear. Source: svm.h, SVM_NESTED_CTL_SEV_ENABLE and
  /// its like.
  var encryption: Encryption? {
    let control = self[.nestedControl]
    if control >> 2 & 1 == 1 { return .stateToo }
    return control >> 1 & 1 == 1 ? .memory : nil
  }

  enum Encryption: Sendable, Equatable {
    /// SEV: the registers are in the clear.
    case memory
    /// SEV-ES or SNP: the registers stand in an encrypted page of their own.
    case stateToo
  }
}

extension VMCB {
  /// One of the records of 16 bytes in the save area: selector, attributes, limit, base.
  private func record(_ offset: Int) -> (selector: UInt16, attributes: UInt16, limit: UInt32, base: UInt64) {
    let head = page.u32(offset)
    return (
      UInt16(truncatingIfNeeded: head), UInt16(truncatingIfNeeded: head >> 16), page.u32(offset + 4),
      page.u64(offset + 8)
    )
  }

  private static let places: [SegmentRegister: Int] = [
    .es: 0x400, .cs: 0x410, .ss: 0x420, .ds: 0x430, .fs: 0x440, .gs: 0x450, .ldtr: 0x470, .tr: 0x490,
  ]

  /// A segment register, its rights as KVM hands them out: a segment that is not present is unusable; the processor
  /// keeps no granularity beside the limit in bytes, no accessed bit of data segments, no busy bit of TR. Source: KVM,
  /// svm_get_segment.
  func segment(_ register: SegmentRegister) -> Segment {
    let record = record(Self.places[register] ?? 0)
    let attributes = UInt32(record.attributes)
    // Bits 7:0 stay, 11:8 (AVL, L, D/B, G) go to 15:12.
    var rights = attributes & 0xff | (attributes & 0xf00) << 4
    let isUnusable = rights >> 7 & 1 == 0
    rights = rights & ~Self.granularity | (record.limit > 0xfffff ? Self.granularity : 0)
    switch register {
    case .tr: rights |= 2
    case .ds, .es, .fs, .gs: rights |= isUnusable ? 0 : 1
    case .ss: if isUnusable { rights &= ~Self.big }
    case .cs, .ldtr: break
    }
    if register == .ss { rights = rights & ~0x60 | UInt32(self[.cpl] & 3) << 5 }
    if isUnusable { rights |= Self.unusable }
    return Segment(selector: record.selector, base: record.base, limit: record.limit, accessRights: rights)
  }

  /// Bits of access rights in the form of the SDM.
  private static let granularity: UInt32 = 1 << 15
  private static let big: UInt32 = 1 << 14
  private static let unusable: UInt32 = 1 << 16

  var gdtr: DescriptorTable { table(0x460) }
  var idtr: DescriptorTable { table(0x480) }

  private func table(_ offset: Int) -> DescriptorTable {
    let record = record(offset)
    return DescriptorTable(base: record.base, limit: record.limit)
  }
}
