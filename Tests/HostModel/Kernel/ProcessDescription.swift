/// A process as it shall be: what the kernel keeps of it.
public struct ProcessDescription: Sendable {
  /// `comm`: at most 15 bytes count.
  public var name: String
  public var pid: UInt64
  /// Its command line, which its own memory holds, without the NULs. Empty: a kernel thread.
  public var arguments: [[UInt8]]
  /// Further threads, with the virtual address of each one's kernel stack.
  public var threads: [(name: String, pid: UInt64, stack: UInt64)]
  /// What its file descriptors from 3 on lead to: `f_op` and `private_data`.
  public var files: [(operations: UInt64, data: UInt64)] = []
  /// Paths that unix sockets of its are bound to, and regular files that it has open; behind `files`.
  public var sockets: [[UInt8]] = []
  public var openFiles: [[UInt8]] = []
  public var uid: UInt64 = 0
  /// Nanoseconds since boot.
  public var started: UInt64 = 0
  /// From the root of its hierarchy.
  public var cgroup = "/"
  /// Its threads that stand on a CPU.
  public var running: Set<UInt64> = []

  public init(
    name: String, pid: UInt64, arguments: [String], threads: [(name: String, pid: UInt64, stack: UInt64)] = []
  ) {
    self.name = name
    self.pid = pid
    self.arguments = arguments.map { Array($0.utf8) }
    self.threads = threads
  }
}

/// Programs that run VMs, and how they tell their names. Source: QEMU's qemu-options.hx, Firecracker's and
/// cloud-hypervisor's src/main.rs.
public enum VMMProgram: String, Sendable, CaseIterable {
  case qemu, firecracker
  case cloudHypervisor = "cloud-hypervisor"

  public var comm: String {
    switch self {
    case .qemu: "qemu-system-x86_64"
    case .firecracker: "firecracker"
    case .cloudHypervisor: "cloud-hypervisor"
    }
  }

  /// - Parameter name: bytes without NUL; `nil`: the arguments say none.
  public func arguments(name: [UInt8]?) -> [[UInt8]] {
    guard let name else { return [Array(comm.utf8)] }
    let comma = UInt8(ascii: ",")
    let text = { (words: String) in words.split(separator: " ").map { Array($0.utf8) } }
    switch self {
    case .qemu:
      let escaped = name.flatMap { $0 == comma ? [comma, comma] : [$0] }
      return text("qemu-system-x86_64 -name") + [Array("guest=".utf8) + escaped + Array(",debug-threads=on".utf8)]
        + text("-machine q35,accel=kvm")
    case .firecracker: return text("/firecracker --id") + [name] + text("--start-time-us 1")
    case .cloudHypervisor:
      return text("cloud-hypervisor --api-socket") + [Array("/run/ch/".utf8) + name + Array(".sock".utf8)]
    }
  }

  /// The name of a vCPU's thread.
  public func thread(_ vcpu: Int) -> String {
    switch self {
    case .qemu: "CPU \(vcpu)/KVM"
    case .firecracker: "fc_vcpu \(vcpu)"
    case .cloudHypervisor: "vcpu\(vcpu)"
    }
  }
}
