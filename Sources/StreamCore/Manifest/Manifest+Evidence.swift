extension Manifest {
  /// What a claim rests on that this is a guest of the host.
  public struct Evidence: Encodable, Sendable, Equatable {
    /// The host kernel's own page tables, by which all the rest was reached.
    public var pageTables: PageTables
    /// The VM, a member of the kernel's own list of VMs.
    public var kvm: KVM
    /// Its vCPUs whose regions are proven.
    public var vcpus: [VCPU]
    /// The guest's own kernel, where it was found.
    public var vmcoreinfo: VMCoreInfo?
    /// Where the VMM has the guest's memory, by what EPT and its page tables both map; the first few.
    public var blocks: [Block]?

    public struct Block: Encodable, Sendable, Equatable {
      public var gpa: HexString
      public var bytes: UInt64
      /// Of the VMM.
      public var hva: HexString
    }

    public struct PageTables: Encodable, Sendable, Equatable {
      /// "vmcoreinfo", or "regions": named by the regions' host state, where the dump has no VMCOREINFO.
      public var source: String
      public var root: HexString
      public var directMap: HexString
    }

    /// `struct kvm`.
    public struct KVM: Encodable, Sendable, Equatable {
      public var address: HexString
      /// That its table names.
      public var vcpus: Int
    }

    public struct VCPU: Encodable, Sendable, Equatable {
      /// The region: a VMCS, or a VMCB.
      public var vmcs: HexString
      /// Where the kernel names it, physical: the `loaded_vmcs`, or `vmcb01`.
      public var namedAt: HexString
      /// The `vcpu_vmx`, or `vcpu_svm`, in which that is.
      public var vcpu: HexString
      /// In the VM's table.
      public var index: Int
      /// Which members of the `loaded_vmcs` were held against the region and agree.
      public var checks: [String]
    }

    public struct VMCoreInfo: Encodable, Sendable, Equatable {
      public var gpa: HexString
      /// vCPUs whose page tables agree, of those with paging.
      public var agreeing: Int
      public var asked: Int
    }
  }

  /// What in the dump speaks for a layout, in pages.
  public struct LayoutEvidence: Encodable, Sendable, Equatable {
    /// That begin as a region does.
    public var candidates: UInt64
    /// That pass its content rules.
    public var accepted: UInt64
    /// That have host evidence, too.
    public var proven: Int
  }

  /// What is left of a vCPU that is gone.
  public struct Defunct: Encodable, Sendable {
    public var vmcs: HexString
    public var evidence: DeathEvidence
  }

  /// By what a vCPU is known to be gone.
  public struct DeathEvidence: Encodable, Sendable, Equatable {
    /// "released" (its `loaded_vmcs` was cleared), "kvm_unmapped" (its `struct kvm`), "kvm_unlisted" (that was taken off
    /// the list of VMs) or "thread_gone" (its thread's stack and memory are unmapped).
    public var reason: String
    public var kvm: HexString?
  }
}
