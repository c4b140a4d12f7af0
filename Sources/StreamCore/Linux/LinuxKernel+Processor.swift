/// Whose processor a kernel runs on.
enum ProcessorVendor: Sendable, CaseIterable {
  case intel
  case amd
  case hygon
  case centaur
  case zhaoxin

  /// As CPUID names it: 12 letters. Source: arch/x86/kernel/cpu, `c_ident`.
  fileprivate var letters: (UInt64, UInt64) {
    switch self {
    case .intel: (0x4965_6e69_756e_6547, 0x6c65_746e)  // GenuineIntel
    case .amd: (0x6974_6e65_6874_7541, 0x444d_4163)  // AuthenticAMD
    case .hygon: (0x6e65_476e_6f67_7948, 0x656e_6975)  // HygonGenuine
    case .centaur: (0x4872_7561_746e_6543, 0x736c_7561)  // CentaurHauls
    case .zhaoxin: (0x6867_6e61_6853_2020, 0x2020_6961)  // Shanghai, between spaces
    }
  }

  var hasSVM: Bool { self == .amd || self == .hygon }
}

extension LinuxKernel {
  /// Tables of 1 GiB, in pages of 4 KiB, and those above them.
  private static let imageTables = 600

  /// Whose processor the kernel says it runs on: `boot_cpu_data` has the vendor's name, 16 bytes with zeros, and behind it
  /// the processor's, and so has nothing else in the kernel's image. `nil`: the dump lacks that, or two are named, for
  /// memory that the image has given up can be a guest's. Source: arch/x86/include/asm/processor.h, struct cpuinfo_x86:
  /// x86_vendor_id, x86_model_id.
  func processorVendor() -> ProcessorVendor? {
    var found: Set<ProcessorVendor> = []
    var last: (UInt64, UInt64) = (0, 0)
    let image = VirtualAddress.kernelTextBase...VirtualAddress.kernelTextBase + (1 << 30 - 1)
    _ = tables.forEachMapping(in: image, tableLimit: Self.imageTables) { mapping in
      guard case .run(_, let physical, let count) = mapping else { return }
      for frame in physical >> 12..<(physical &+ count) >> 12 {
        guard let page = memory.page(frame).page else { continue }
        for offset in stride(from: 0, to: pageSize, by: 8) {
          let word = page.u64(offset)
          // A letter or a digit begins the name.
          if last.1 >> 32 == 0, last.1 != 0, (0x20..<0x7f).contains(word & 0xff) {
            for vendor in ProcessorVendor.allCases where vendor.letters == last { found.insert(vendor) }
          }
          last = (last.1, word)
        }
      }
    }
    return found.count == 1 ? found.first : nil
  }
}
