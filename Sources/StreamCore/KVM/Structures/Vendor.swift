/// Whose processors a host has, by the module that is loaded beside `kvm`, and what their things are called.
public enum Vendor: String, Sendable {
  /// `kvm_intel`.
  case intel = "Intel"
  /// `kvm_amd`.
  case amd = "AMD"

  /// The page in which the processor keeps a vCPU.
  public var region: String { self == .amd ? "VMCB" : "VMCS" }
  /// What names the top of a guest's second-level tables, and these.
  var root: String { self == .amd ? "nested CR3" : "EPTP" }
  public var tables: String { self == .amd ? "NPT" : "EPT" }
  /// KVM's structure of a vCPU, what in it names the region, and the region of a guest's own guest.
  public var vcpu: String { self == .amd ? "vcpu_svm" : "vcpu_vmx" }
  public var holder: String { self == .amd ? "vmcb01" : "loaded_vmcs" }
  var nested: String { self == .amd ? "vmcb02" : "vmcs02" }
}
