/// Names of functions that a kernel might have: what the names that matter are found among.
public enum FillerSymbols {
  private static let rooms = [
    "acpi", "bdev", "blk", "bpf", "cgroup", "cpufreq", "crypto", "device", "dma", "drm", "ext4", "futex", "hrtimer",
    "inet", "iommu", "irq", "jbd2", "kernfs", "mem_cgroup", "nf", "pci", "perf", "rcu", "sched", "skb", "tcp", "timer",
    "udp", "vfs", "workqueue", "xfs",
  ]
  private static let verbs = [
    "add", "alloc", "attach", "free", "get", "init", "put", "read", "release", "update", "write",
  ]
  private static let things = ["bio", "buffer", "ctx", "entry", "group", "inode", "lock", "page", "queue"]

  /// Over three thousand, without their type.
  public static let names: [String] = rooms.flatMap { room in
    verbs.flatMap { verb in things.map { "\(room)_\(verb)_\($0)" } }
  }

  /// Names with a length of two bytes, as Rust's are: hardly any of their pairs occur elsewhere.
  public static let longNames: [String] = (0..<4 as Range<UInt64>).map { number in
    var random = SplitMix64(seed: number)
    let letters = (0..<400).map { _ in String(random.below(36), radix: 36) }
    return "_RNvXs" + letters.joined() + "6kernel\(number)"
  }

  /// Made once: all hosts have the same names.
  static let tokens = KallsymsTokens(
    sample: stride(from: 0, to: names.count, by: 12).map { "t" + names[$0] } + ["Tkvm_vcpu_", "dkvm_vm_list"]
      + (0x21..<0x7f).map { String(UnicodeScalar($0 as UInt8)) })

  /// The names in pieces, each as a symbol of type `t`.
  static let encoded: [[UInt8]] = names.map { tokens.encode("t" + $0) }
}
