/// The MSRs that KVM puts back when a CPU returns to user mode, in the order in which a `vcpu_vmx` keeps the guest's
/// values of them. KVM makes this list when it is loaded, of the MSRs that the processor has. Source:
/// arch/x86/kvm/x86.c, kvm_uret_msrs_list; arch/x86/kvm/vmx/vmx.c, vmx_find_uret_msr.
struct UserReturnMSRs: Sendable, Equatable {
  /// Numbers of the MSRs, by their place.
  let numbers: [UInt32]

  /// Of the list's array: KVM_MAX_NR_USER_RETURN_MSRS is 16.
  private static let limit: UInt64 = 16

  static let symbols: Set<String> = ["kvm_uret_msrs_list", "kvm_nr_uret_msrs"]

  /// MSR numbers. Source: SDM vol. 4, table 2-2.
  static let registers: [(register: Register, number: UInt32)] = [
    (.star, 0xc000_0081), (.lstar, 0xc000_0082), (.cstar, 0xc000_0083), (.fmask, 0xc000_0084),
    (.tsc_aux, 0xc000_0103),
  ]

  init(_ kernel: DescribedKernel) throws(UserReturnMSRsFault) {
    let list: VirtualAddress
    let length: VirtualAddress
    do throws(KernelSymbolFault) {
      list = try kernel.symbol("kvm_uret_msrs_list", of: "kvm")
      length = try kernel.symbol("kvm_nr_uret_msrs", of: "kvm")
    } catch { throw .symbol(error) }
    let count: UInt64
    let bytes: [UInt8]
    do throws(KernelReadFault) {
      count = try kernel.kernel.integer(length, size: 4)
      bytes = try kernel.kernel.read(list, count: Int(min(count, Self.limit)) * 4)
    } catch { throw .read(error) }
    guard count <= Self.limit else { throw .length(count) }
    let numbers = stride(from: 0, to: bytes.count, by: 4).compactMap { bytes.load($0, as: UInt32.self) }
    guard Set(numbers).count == numbers.count, !numbers.contains(0) else { throw .order(numbers) }
    self.numbers = numbers
  }

  /// The place of an MSR, `nil` where KVM does not keep it.
  func place(of number: UInt32) -> Int? { numbers.firstIndex(of: number) }
}

enum UserReturnMSRsFault: Error, Equatable, Sendable {
  case unasked
  case symbol(KernelSymbolFault)
  case read(KernelReadFault)
  /// That many MSRs there cannot be.
  case length(UInt64)
  /// One of them twice, or none at a place.
  case order([UInt32])
}

extension UserReturnMSRsFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .unasked: "the kernel was not asked for kvm_uret_msrs_list"
    case .symbol(let fault): "\(fault)"
    case .read(let fault): "kvm_uret_msrs_list: \(fault)"
    case .length(let count): "kvm_nr_uret_msrs is \(count)"
    case .order(let numbers): "kvm_uret_msrs_list holds \(numbers.map { hex($0) }.joined(separator: ", "))"
    }
  }
}
