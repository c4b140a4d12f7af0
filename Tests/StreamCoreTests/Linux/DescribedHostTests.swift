import Foundation
import Testing

@testable import StreamCore

/// Real hosts' kernels, by what they say of themselves in their dumps.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct DescribedHostTests {
  static let leads: [String: [String]] = [
    "kvm_vcpu": ["vcpu_vmx.vcpu"], "kvm": ["kvm_vcpu.kvm"], "mm_struct": ["kvm.mm"],
    "kvm_memslots": ["kvm.memslots[0]"], "kvm_memory_slot": ["kvm_vcpu.last_used_slot"],
    "kvm_mmu": ["kvm_vcpu.arch.mmu"],
  ]

  private func described(
    _ name: String, file: String = "host.lzo.kdump", leads: [String: [String]] = leads
  ) throws -> DescribedKernel {
    let dump = try openHostDump(path: (KVMRealHost.folder ?? "") + "/" + name + "/" + file)
    let info = try #require(dump.vmcoreinfo)
    let kernel = try LinuxKernel(vmcoreinfo: info, memory: HostMemory(dump, cachedPages: 1024))
    return try DescribedKernel(kernel, info, modules: ["kvm_intel", "kvm"], expecting: ["vm_list"], leads: leads)
  }

  private static let paths = [
    "kvm.mm", "kvm.memslots", "kvm.vcpu_array", "kvm.vm_list", "kvm.arch", "kvm.userspace_pid", "kvm.stats_id",
    "kvm_vcpu.run", "kvm_vcpu.pid", "kvm_vcpu.arch.regs", "kvm_vcpu.arch.regs_avail", "kvm_vcpu.arch.regs_dirty",
    "kvm_vcpu.arch.cr2", "kvm_vcpu.arch.cr3", "kvm_vcpu.arch.efer", "kvm_vcpu.arch.apic_base", "kvm_vcpu.arch.apic",
    "kvm_vcpu.arch.mp_state", "kvm_vcpu.arch.mmu", "kvm_vcpu.arch.guest_fpu", "kvm_vcpu.arch.xcr0",
    "kvm_vcpu.arch.db", "kvm_vcpu.arch.dr7", "kvm_mmu.root.hpa", "kvm_memory_slot.base_gfn",
    "kvm_memory_slot.npages", "kvm_memory_slot.userspace_addr", "kvm_memory_slot.flags", "kvm_memory_slot.id",
    "vcpu_vmx.rflags", "vcpu_vmx.msr_guest_kernel_gs_base", "vcpu_vmx.vmcs01.vmcs", "vcpu_vmx.loaded_vmcs",
    "vcpu_vmx.msr_autoload", "vcpu_vmx.segment_cache", "vcpu_vmx.nested.vmcs02", "vcpu_vmx.vpid", "mm_struct.pgd",
    "mm_struct.owner", "mm_struct.arg_start", "task_struct.comm", "task_struct.pid",
  ]

  private static let debian61 = [
    72, 4376, 4392, 4472, 4760, 40408, 40456, 104, 120, 296, 432, 436, 456, 464, 520, 536, 544, 604, 672, 2000, 2040,
    2984, 3024, 64, 176, 184, 248, 256, 260, 6576, 6768, 6792, 6952, 6960, 7600, 8096, 7800, 72, 928, 312, 2976, 2416,
  ]
  private static let linux73 = [
    56, 4360, 4376, 4456, 4800, 6936, 6984, 96, 112, 296, 432, 440, 464, 472, 528, 544, 552, 612, 672, 1760, 1792,
    2712, 2752, 32, 176, 184, 248, 256, 260, 6600, 6784, 6808, 6968, 6976, 7616, 7960, 7816, 120, 1528, 728, 3408, 2872,
  ]

  /// Read from the dumps' own BTF by other tools. Source: Documentation/kvm.md §8.
  @Test(arguments: [
    ("haswell", "host.lzo.kdump", debian61, 160), ("haswell", "host-d31.lzo.kdump", debian61, 160),
    ("nested", "host.lzo.kdump", debian61, 160), ("stalled", "host-d31.lzo.kdump", debian61, 160),
    ("new7", "host.lzo.kdump", linux73, 160),
  ])
  func `members stand where the types say, and few pages tell it`(
    host: String, file: String, offsets: [Int], loaded: Int
  ) throws {
    let kernel = try described(host, file: file)
    for (path, offset) in zip(Self.paths, offsets) {
      #expect(try kernel.types.member(path).offset == offset, "\(path)")
    }
    #expect(try kernel.types.size(of: "loaded_vmcs") == loaded)
    #expect(try kernel.types.faults().isEmpty)
    #expect(throws: TypeFault.noMember(path: "kvm.nothing", at: "nothing")) { try kernel.types.member("kvm.nothing") }
    // vmlinux's have 1,007 pages, 1,293 on 7.3.
    #expect(kernel.types.pagesRead < 300)
  }

  @Test(arguments: ["haswell", "new7"])
  func `a search of all types gives what leads and the kernel's index give`(host: String) throws {
    let fast = try described(host)
    let slow = try described(host, leads: [:])
    try slow.types.search(Set(Self.paths.compactMap { $0.split(separator: ".").first.map(String.init) }))
    for path in Self.paths { #expect(try fast.types.path(path) == slow.types.path(path)) }
    #expect(slow.types.pagesRead > 2 * fast.types.pagesRead)
    #expect(try slow.types.enumerator("VCPU_REGS_RSP") == 4)
    // A #define.
    #expect(throws: TypeFault.noEnumerator("KVM_MP_STATE_HALTED")) { try slow.types.enumerator("KVM_MP_STATE_HALTED") }
  }

  @Test func `a kernel without types says so, and has its symbols`() throws {
    let kernel = try described("mini")
    #expect(throws: TypeFault.noTypes) { try kernel.types.member("kvm.mm") }
    #expect(try kernel.symbol("vm_list", of: "kvm") == kernel.symbol("vm_list"))
  }

  /// VMs' numbers of vCPUs in the order of `vm_list`, the youngest first.
  @Test(arguments: [
    ("haswell", "host.lzo.kdump", [1, 2, 1]), ("haswell", "host-d31.lzo.kdump", [1, 2, 1]),
    ("nested", "host.lzo.kdump", [1, 1]), ("stalled", "host-d31.lzo.kdump", [1, 1, 1]),
    ("new7", "host.lzo.kdump", [1, 2, 1]),
  ])
  func `the list of VMs and their arrays of vCPUs are read`(host: String, file: String, vcpus: [Int]) throws {
    let kernel = try described(host, file: file)
    let reader = kernel.reader
    let walk = KernelListWalk(head: try kernel.symbol("vm_list", of: "kvm"), kernel: kernel.kernel)
    #expect(walk.cut == nil && walk.nodes.count == vcpus.count)
    let list = try kernel.types.member("kvm.vm_list").offset
    let array = try kernel.types.member("kvm.vcpu_array").offset
    var counts: [Int] = []
    for node in walk.nodes {
      let kvm = node &- UInt64(list)
      let head = try reader.value("kvm.vcpu_array.xa_head", at: kvm)
      let found = KernelXArray(kvm &+ UInt64(array), head: head, kernel: kernel.kernel)
      #expect(found.gaps.isEmpty)
      counts.append(found.entries.count)
      for entry in found.entries {
        guard case .pointer(let vcpu) = entry.value else { continue }
        #expect(try reader.pointer("kvm_vcpu.kvm", at: vcpu) == kvm)
        #expect(try reader.value("kvm_vcpu.vcpu_id", at: vcpu) == entry.index)
      }
      #expect(try reader.text("kvm.mm->owner->comm", at: kvm).hasPrefix("qemu-system"))
    }
    #expect(counts.sorted() == vcpus.sorted())
  }

  /// makedumpfile before 1.7.10 leaves kernel memory out of 7.3's filtered dumps.
  @Test func `a filtered dump that lacks kernel memory is read as far as it goes, and where it ends is told`() throws {
    let kernel = try described("new7", file: "host-d31.lzo.kdump")
    let walk = KernelListWalk(
      head: kernel.symbols.addresses(of: ["modules"])["modules"] ?? .init(rawValue: 0), kernel: kernel.kernel)
    #expect(walk.nodes.count > 3)
    // Pages of kvm_intel's types are among what is missing, and so is what they alone describe.
    guard case .badTypes(of: "kvm_intel", .unreadable(.absent))? = try kernel.types.faults()["kvm_intel"] else {
      Issue.record("kvm_intel's types are there")
      return
    }
    #expect(throws: TypeFault.self) { try kernel.types.member("vcpu_vmx.vmcs01.vmcs") }
    #expect(try kernel.types.member("mm_struct.pgd").offset == 120)
  }
}
