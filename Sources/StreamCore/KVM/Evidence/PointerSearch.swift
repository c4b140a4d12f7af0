/// A search of the whole host memory for quadwords, for hosts where no field of the VMCS leads into `vcpu_vmx`.
/// `PointerScan` is one: a pass over the dump.
protocol PointerSearch {
  /// Physical addresses, multiples of 8, of the quadwords that hold one of `values`. A bounded number for each value
  /// will do: a true pointer has one or two hits (Documentation/kvm.md §2.2).
  func pointers(to values: [UInt64]) throws -> [UInt64: [HPA]]
}
