/// What is kept of the guests' maps, and how much memory that may take.
struct MapStorage: Sendable {
  /// Takes the extents of all guests; `nil`: they are not asked for.
  var extents: ExtentStore?
  /// Which pages there are is kept, not their number alone.
  var keepsPages: Bool
  /// For the bitmaps, bytes: of all guests where they are kept, else of each.
  var limit: Int
}

/// Groups vCPUs into guests, maps their memory and asks who they are (design §3.4, §3.5).
struct GuestFinder {
  let dump: any HostDump
  let memory: HostMemory
  let scan: HeadScan
  let storage: MapStorage
  let workers: Workers
  let progress: Progress

  struct Result: Sendable {
    var guests: [Guest]
    /// Guests that are none after all, with the reason.
    var dropped: [(vmcs: HPA, reason: String)]
    /// Guests whose maps need more memory than there was left for them, bytes.
    var tooLarge: [(vmcs: HPA, limit: Int)]
    /// Look-alikes of a guest's VMCOREINFO that fewer vCPUs agree with, by guest.
    var otherIdentities: [Int: Int]
    /// VMs that the host kernel lists and that no region in the dump belongs to.
    var unseen: [VirtualAddress]
  }

  func run(_ host: FoundHost) throws -> Result {
    var guests = group(host)
    progress.begin(.map, total: UInt64(guests.count))
    let watch = GuestMapper.Watch(
      evidence: guests.flatMap(\.evidenceFrames), vmcoreinfo: scan.vmcoreinfo)
    var taken = 0
    var refused: Set<Int> = []
    var tooLarge: [(vmcs: HPA, limit: Int)] = []
    for index in guests.indices {
      let mapper = GuestMapper(
        dump: dump, memory: GuestMemory(host: memory, roots: guests[index].roots),
        excluded: apicAccessPages(guests[index]))
      guests[index].mapper = mapper
      guests[index].mapIndex = index
      do {
        guests[index].map = try mapper.map(
          watch, keeping: storage.extents, owner: index, limit: max(0, storage.limit - taken), workers: workers)
      } catch let error as GuestMapper.TooLarge {
        tooLarge.append((HPA(rawValue: guests[index].lowestVMCS), error.limit))
        refused.insert(index)
      }
      if storage.keepsPages { taken += guests[index].map.byteCount } else { guests[index].map.dropPages() }
      progress.advance(1)
    }
    let (kept, dropped) = Self.settleClaims(guests.filter { !refused.contains($0.mapIndex) })
    guests = kept
    let others = try identify(&guests)
    let seen = Set(host.regions.compactMap { try? host.evidence.evidence(for: $0.address).get().kvm })
    return Result(
      guests: guests, dropped: dropped, tooLarge: tooLarge, otherIdentities: others,
      unseen: host.evidence.kvms.map(\.address).filter { !seen.contains($0) })
  }

  /// Numbers the guests and asks each who it is.
  /// - Returns: look-alikes, as in the result.
  private func identify(_ guests: inout [Guest]) throws -> [Int: Int] {
    for index in guests.indices { guests[index].id = index + 1 }
    let answers = try workers.map(guests) { guest in
      guest.memory.map { memory in
        IdentitySearch(memory: memory, vcpus: guest.vcpus.map(\.state)).run(guest.map.places)
      }
    }
    var others: [Int: Int] = [:]
    for (index, answer) in answers.enumerated() {
      guard let answer else { continue }
      guests[index].identity = answer.identity
      if answer.others > 0 { others[guests[index].id] = answer.others }
    }
    return others
  }

  /// No guest's memory holds what proves a guest. A map that reaches what proves it is not believed in anything; a
  /// guest that stands in the memory of one that is believed is that one's own, and its claims count no more.
  static func settleClaims(_ guests: [Guest]) -> (kept: [Guest], dropped: [(vmcs: HPA, reason: String)]) {
    let claims = guests.map { guest in Set(guest.map.reached) }
    let reaches = { (from: Int, to: Int) in guests[to].evidenceFrames.contains(where: claims[from].contains) }
    var open = guests.indices.filter { !reaches($0, $0) }
    var reasons = Dictionary(
      uniqueKeysWithValues: guests.indices.filter { reaches($0, $0) }.map {
        ($0, "its own memory map reaches what proves it")
      })
    var kept: [Int] = []
    while !open.isEmpty {
      let free = open.filter { guest in !open.contains { $0 != guest && reaches($0, guest) } }
      // None is free: they claim each other, and none can be believed.
      let lost = free.isEmpty ? open : open.filter { guest in free.contains { reaches($0, guest) } }
      for guest in lost { reasons[guest] = "what proves it lies in the memory of another guest" }
      kept += free
      open.removeAll { free.contains($0) || lost.contains($0) }
    }
    return (
      kept.sorted().map { guests[$0] },
      reasons.sorted { $0.key < $1.key }.map { (HPA(rawValue: guests[$0.key].lowestVMCS), $0.value) }
    )
  }

  /// vCPUs by the VM that their `vcpu_vmx` names; vmcs02s are no vCPUs of their own.
  private func group(_ host: FoundHost) -> [Guest] {
    let loadsEFER = VMCSRegion.hostLoadsEFER(host.regions)
    let regionAt = Dictionary(host.regions.map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
    var proofs: [VirtualAddress: VCPUEvidence] = [:]
    for region in host.regions {
      guard case .success(let proof) = host.evidence.evidence(for: region.address), proof.role == .vmcs01 else {
        continue
      }
      proofs[proof.vcpu] = proof
    }
    var guests: [Guest] = []
    for kvm in host.evidence.kvms {
      let own = kvm.vcpus.compactMap { proofs[$0.address] }
      guard !own.isEmpty else { continue }
      let vcpus = kvm.vcpus.map { pointer -> VCPU in
        let address = proofs[pointer.address]?.region ?? host.evidence.region(of: pointer.address)
        return vcpu(address.flatMap { regionAt[$0] }, index: pointer.index, host, loadsEFER)
      }
      guests.append(
        Guest(
          id: 0, vcpus: ordered(vcpus), roots: roots(vcpus), evidence: lines(own, kvm, host.kernel),
          evidenceFrames: Set(own.flatMap(\.frames)).sorted()))
    }
    return guests.sorted { $0.lowestVMCS < $1.lowestVMCS }
  }

  private func vcpu(_ region: VMCSRegion?, index: Int, _ host: FoundHost, _ loadsEFER: Bool) -> VCPU {
    guard let region else { return VCPU(region: nil, kernel: nil, tableIndex: index, state: RegisterState()) }
    let state = region.registerState(hostLoadsEFER: loadsEFER)
    let kernel = host.states.state(of: region.address)
    return VCPU(
      region: region, kernel: kernel, tableIndex: index,
      state: kernel.map { state.merged(with: $0, region: RegionFacts(region)) } ?? state)
  }

  /// By APIC id where all have one, else by `vcpu_id`, else by VMCS address; a vCPU without a region keeps its place in
  /// the VM's table.
  private func ordered(_ vcpus: [VCPU]) -> [VCPU] {
    let known = vcpus.filter { $0.region != nil }
    let key: (VCPU) -> UInt64
    if vcpus.allSatisfy({ $0.kernel?.apicID != nil }) {
      key = { UInt64($0.kernel?.apicID ?? 0) }
    } else if known.allSatisfy({ $0.kernel?.vcpuID != nil }) {
      key = { $0.kernel?.vcpuID.map(UInt64.init) ?? UInt64($0.tableIndex) }
    } else if known.count == vcpus.count {
      key = { $0.region?.address.rawValue ?? 0 }
    } else {
      key = { UInt64($0.tableIndex) }
    }
    return vcpus.sorted { (key($0), $0.tableIndex) < (key($1), $1.tableIndex) }
  }

  /// Distinct roots, the most used first, then by vCPU.
  private func roots(_ vcpus: [VCPU]) -> [EPTPointer] {
    var uses: [UInt64: (count: Int, first: Int, pointer: EPTPointer)] = [:]
    for (index, vcpu) in vcpus.enumerated() {
      guard let value = vcpu.region?[.EPT_POINTER], let pointer = try? EPTPointer(value) else { continue }
      uses[pointer.rootFrame, default: (0, index, pointer)].count += 1
    }
    return uses.values.sorted { ($1.count, $0.first) < ($0.count, $1.first) }.map(\.pointer)
  }

  private func lines(_ proofs: [VCPUEvidence], _ kvm: KVMObject, _ kernel: HostKernel) -> [String] {
    let anchor = kernel.anchored ? "swapper_pg_dir from VMCOREINFO" : "named by the regions, for there is no VMCOREINFO"
    let list = kvm.list == nil ? "" : ", stands in vm_list"
    var lines = [
      "kernel page tables: \(anchor), at \(kernel.root); direct map at \(kernel.directMapBase)",
      "struct kvm at \(kvm.address) names \(kvm.vcpus.count) vCPUs\(list)",
    ]
    for proof in proofs {
      let checks = proof.checks.map(\.rawValue).sorted().joined(separator: ", ")
      lines.append(
        "VMCS \(proof.region): loaded_vmcs at \(proof.loadedVMCS) of vcpu_vmx \(proof.vcpu), vCPU \(proof.index) of it "
          + "(\(checks))")
    }
    return lines
  }

  private func apicAccessPages(_ guest: Guest) -> [UInt64] {
    Set(guest.vcpus.compactMap { $0.region?[.APIC_ACCESS_ADDR] }.filter { $0 != 0 }.map { $0 >> 12 }).sorted()
  }
}
