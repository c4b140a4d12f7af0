extension VirtualAddress {
  /// The last 2 GiB, where the kernel code model of x86-64 has a program: Linux maps its image and its modules there.
  /// Source: System V ABI, AMD64 supplement, 3.5.1; Linux, Documentation/arch/x86/x86_64/mm.rst.
  static let kernelTextBase: UInt64 = 0xffff_ffff_8000_0000
}
