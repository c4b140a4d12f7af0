/// Machines by their number in an ELF header, as uname(2) calls them. Source: elf(5), linux/elf-em.h.
enum ElfMachine {
  static let x86_64: UInt16 = 62

  static func name(_ number: UInt16) -> String {
    switch number {
    case 2, 18, 43: "sparc"
    case 3: "i386"
    case 8: "mips"
    case 15: "parisc"
    case 20: "ppc"
    case 21: "ppc64"
    case 22: "s390"
    case 40: "arm"
    case 42: "sh"
    case 50: "ia64"
    case x86_64: "x86_64"
    case 183: "aarch64"
    case 243: "riscv"
    case 258: "loongarch"
    default: "number \(number)"
    }
  }
}
