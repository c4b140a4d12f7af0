/// Which VM it is: what the host's kernel, and the VMM itself, say of the process that runs a VM. Labels, which decide
/// nothing.
struct VMIdentity: Sendable {
  private(set) var name: VMName?
  private(set) var uuid: String?
  private(set) var pid: UInt64?
  private(set) var uid: UInt64?
  private(set) var comm: String?
  private(set) var cgroup: String?
  /// Nanoseconds from the host's boot to the start of the VMM.
  private(set) var started: UInt64?
  /// Why something is not known, by its key in the manifest.
  private(set) var unknown: [String: String] = [:]
  /// Threads of vCPUs, by their place in the VM's own table.
  private(set) var threads: [Int: LinuxThread] = [:]
}

extension VMIdentity {
  /// - Parameter places: of the kernel's processes.
  init(
    of vm: ListedVM, _ types: KVMTypes, _ kernel: DescribedKernel, _ places: ProcessPlaces,
    _ budget: inout ProcessBudget
  ) {
    let reader = kernel.reader
    var pids: [VirtualAddress] = []
    for vcpu in vm.vcpus.map(\.pointer) {
      do throws(ProcessFault) {
        let pid = try ProcessFault.from { () throws(KernelFault) in
          try reader.pointer(types.thread, at: vcpu.address)
        }
        // Nothing has run it yet.
        guard pid.rawValue != 0 else { continue }
        pids.append(pid)
        threads[vcpu.index] = try LinuxThread(at: pid, places, reader)
      } catch {
        unknown["thread"] = unknown["thread"] ?? "of the vCPU at \(vcpu.address): \(error)"
      }
    }
    let mm = types.slots.mapError(VMMemoryFault.types).flatMap { slots in
      Result { () throws(VMMemoryFault) in (try VMMemory.mm(of: vm.kvm, slots, kernel.kernel), slots) }
    }
    let search = VMMSearch(
      mm: try? mm.get().0, threads: pids,
      pid: types.userspacePID.flatMap { try? kernel.kernel.integer(vm.kvm &+ $0, size: 4) })
    let process = search.process(kernel, places, &budget)
    switch process {
    case .success(let process):
      pid = process.pid
      comm = take("comm", process.comm)
      uid = take("uid", process.uid)
      started = take("started", process.started)
      cgroup = take("cgroup", process.cgroup)
    case .failure(let fault):
      // The kernel has noted who made the VM.
      pid = search.pid.flatMap { (1..<LinuxProcess.pidLimit).contains($0) ? $0 : nil }
      for key in ["comm", "uid", "started", "cgroup"] { unknown[key] = "\(fault)" }
      if pid == nil { unknown["pid"] = "\(fault)" }
    }
    setName(by: arguments(of: vm, mm, kernel, places), try? process.get(), kernel, places, &budget)
  }

  private func arguments(
    of vm: ListedVM, _ mm: Result<(VirtualAddress, SlotTypes), VMMemoryFault>, _ kernel: DescribedKernel,
    _ places: ProcessPlaces
  ) -> Result<ProcessCommandLine, ProcessFault> {
    let memory = mm.flatMap { mm, slots in
      Result { () throws(VMMemoryFault) in
        // The page tables were proven with the slots; where these are lost, they may be there alone.
        if let pages = try? vm.memory.get().pages { return (mm, pages) }
        return (mm, try VMMemory.pages(of: mm, slots, kernel.kernel, ProcessKnowledge(kernel)))
      }
    }
    return memory.mapError { .noPages("\($0)") }.flatMap { mm, pages in
      Result { () throws(ProcessFault) in try ProcessCommandLine(of: mm, pages, places, kernel.reader) }
    }
  }

  private mutating func setName(
    by arguments: Result<ProcessCommandLine, ProcessFault>, _ process: LinuxProcess?, _ kernel: DescribedKernel,
    _ places: ProcessPlaces, _ budget: inout ProcessBudget
  ) {
    var why: [String] = []
    switch arguments {
    case .success(let found):
      let said = VMMArguments(found.values)
      uuid = said.uuid
      name = said.name
      let cut = found.fault.map { ", as far as they are known: \($0)" } ?? ""
      if uuid == nil { unknown["uuid"] = "its arguments have none" + cut }
      why.append("its arguments have none" + cut)
    case .failure(let fault):
      unknown["uuid"] = "its arguments are not known: \(fault)"
      why.append("its arguments are not known: \(fault)")
    }
    if name == nil { name = cgroup.flatMap(CgroupScope.name) }
    guard name == nil else { return }
    why.append(cgroup == nil ? "its control group is not known" : "its control group has none")
    if let process {
      do throws(ProcessFault) {
        name = FileStem.name(try NamedFiles(of: process.task, places, kernel.reader, &budget))
        why.append("no socket or file of it has one alone")
      } catch {
        why.append("its open files are not known: \(error)")
      }
    }
    guard name == nil else { return }
    if let comm, let pid { name = VMName("\(comm)-\(pid)", .process, why) }
    if name == nil { unknown["name"] = why.joined(separator: "; ") }
  }

  private mutating func take<T>(_ key: String, _ result: Result<T, ProcessFault>) -> T? {
    switch result {
    case .success(let value): return value
    case .failure(let fault):
      unknown[key] = "\(fault)"
      return nil
    }
  }
}
