/// Whose processors a host has, and what their things are called.
enum Vendor: String, Sendable {
  case intel = "Intel"
  case amd = "AMD"

  /// The page in which the processor keeps a vCPU.
  var region: String { self == .amd ? "VMCB" : "VMCS" }
  /// What names the top of a guest's second-level tables, and these.
  var root: String { self == .amd ? "nested CR3" : "EPTP" }
  var tables: String { self == .amd ? "NPT" : "EPT" }
  /// KVM's structure of a vCPU, what in it names the region, and the region of a guest's own guest.
  var vcpu: String { self == .amd ? "vcpu_svm" : "vcpu_vmx" }
  var holder: String { self == .amd ? "vmcb01" : "loaded_vmcs" }
  var nested: String { self == .amd ? "vmcb02" : "vmcs02" }
}

extension JudgedHost {
  var vendor: Vendor { evidence.types?.vendor == .amd ? .amd : .intel }
}
