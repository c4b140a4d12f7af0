/// What a host's kernel says of itself in its dump: the first thing that is asked. Source: Documentation/design.md
/// §3.2.
struct HostWord: Sendable {
  /// By VMCOREINFO; a fault where that leads to no page tables, `nil` where there is none.
  let kernel: Result<LinuxKernel, LinuxKernelFault>?
  /// `vm_list`, where its symbol is known.
  private(set) var head: VirtualAddress?
  /// The VMs of its list, where its types are known, too.
  private(set) var listed: ListedVMs?
  /// The kernel with its symbols and types, where it has them.
  private(set) var described: DescribedKernel?
  /// What its log says.
  private(set) var log: LogDigest?
  /// `tainted_mask`.
  private(set) var taint: UInt64?
  /// The kernel's own clock.
  private(set) var clock: Result<HostClock, SchedClockFault>?
  /// Frames of the kernel's zero pages, where its symbols tell.
  private(set) var zeroFrames = FrameBitmap()
  /// Why its VMs, or their regions, have to be found by content; `nil`: they need not.
  private(set) var why: String?
  /// The kernel describes itself, and the dump has that damaged or not all of it.
  private(set) var isBroken = false
  /// That it was asked by; `nil`: there is none.
  private let info: VMCoreInfo?

  let question: Question
  /// By VMCOREINFO; `nil`: there is none.
  var release: String? { info?.osrelease }

  /// Those that were given.
  var files: SymbolFiles { question.files }
  /// Where the kernel has no types, memory slots of a known shape count.
  var usesShapes: Bool { question.usesShapes }

  /// How it is asked.
  struct Question: Sendable {
    /// `false`: everything is to be found by content.
    var isAsked = true
    /// Where it has no types, memory slots of a known shape count.
    var usesShapes = true
    /// Of the host's kernel and its modules, for what its dump lacks.
    var files = SymbolFiles.none
    /// Who read and look through what is large.
    var workers = Workers.alone
  }

  /// - Parameters:
  ///   - vmcoreinfo: of the host, where its dump has one.
  /// - Throws: that a file that was given is another kernel's.
  init(
    _ vmcoreinfo: VMCoreInfo?, _ memory: any PhysicalMemory, _ question: Question = Question()
  ) throws(SymbolFileError) {
    self.question = question
    info = vmcoreinfo
    guard let info = vmcoreinfo else {
      kernel = nil
      why = "the dump has no VMCOREINFO"
      return
    }
    kernel = Result { () throws(LinuxKernelFault) in try LinuxKernel(vmcoreinfo: info, memory: memory) }
    guard question.isAsked else {
      why = "the kernel was not asked"
      return
    }
    let own = try? kernel?.get()
    let file = try files.kernel.map { file throws(SymbolFileError) in try KernelFile(files, file, info, own) }
    do { try ask(info, file, files) } catch let fault as SymbolFileError {
      throw fault
    } catch let fault as TypeFault {
      why = "\(fault)"
      isBroken = fault != .noTypes
    } catch let fault as KernelSymbolsFault {
      why = "\(fault)"
      isBroken = fault.isDamage
    } catch let fault as KernelSymbolFault {
      why = "\(fault)"
      isBroken = isBroken || fault.isDamage
    } catch {
      why = "\(error)"
    }
  }

  /// Of all rooms, so that one pass over the kernel's names finds them.
  private static let symbols = DescribedKernel.memorySymbols.union(FilePages.symbols).union(UserReturnMSRs.symbols)
    .union(SwappedPages.symbols).union(HostScheduler.symbols).union(HostClock.symbols)
    .union(["vm_list", "init_task", "tainted_mask"])

  private mutating func ask(_ info: VMCoreInfo, _ file: KernelFile?, _ files: SymbolFiles) throws {
    guard let own = try kernel?.get() else { return }
    var described = try DescribedKernel(
      own, info, modules: KVMTypes.modules,
      expecting: Self.symbols, leads: KVMTypes.leads.merging(FilePages.leads) { $0 + $1 }, file: file,
      workers: question.workers)
    try described.add(files, info)
    self.described = described
    zeroFrames = described.zeroFrames
    let head: VirtualAddress
    do throws(KernelSymbolFault) { head = try described.symbol("vm_list", of: "kvm") } catch {
      // A kernel with KVM's types has KVM's list: its name is damaged, where it is said to be missing.
      isBroken = error.isDamage || (try? KVMTypes(described))?.vcpu != nil
      throw error
    }
    self.head = head
    let types = try KVMTypes(described)
    let processes = ProcessKnowledge(described)
    var listed = ListedVMs(head: head, types, kernel: own, processes: processes)
    if listed.gap != nil, let open = try? OpenVMs(described, types) {
      listed = ListedVMs(head: head, types, kernel: own, processes: processes, open: open)
    }
    guard !listed.namesNoRegion(in: own.memory) else {
      why = "by its types none of its vCPUs has a VMCS"
      isBroken = true
      return
    }
    self.listed = listed
    guard types.vcpu == nil else { return }
    why = "the kernel's types lack vcpu_vmx and vcpu_svm"
    let faults = (try? described.types.faults()) ?? [:]
    let told = KVMTypes.modules.compactMap { faults[$0] }
    // One vendor's module is never there.
    if let fault = told.first(where: { !$0.isMissingModule }) {
      why = "\(fault)"
      isBroken = true
    } else if told.count >= KVMTypes.vendorModules.count {
      why = "no types of a module \(KVMTypes.vendorModules.joined(separator: " or "))"
      isBroken = true
    }
  }

  /// The word with what names and times guests, and decides nothing: the log, the VMs' identities, the clocks.
  func completed() -> HostWord {
    var word = self
    guard let info, let own = try? kernel?.get() else { return word }
    word.log = (try? KernelLog(own, info)).map { LogDigest($0) }
    guard let described, let listed else { return word }
    word.listed?.identify(described)
    word.listed?.readClocks(described)
    word.taint = (try? described.symbol("tainted_mask")).flatMap { try? own.integer($0, size: 8) }
    let crash = word.log?.end?.nanoseconds
    word.clock = Result { () throws(SchedClockFault) in
      try HostClock(described, crash: crash, vendor: listed.types.vendor)
    }
    return word
  }

  /// Whether the dump's filter is one that leaves out pages of this kernel, and some are missing. `struct page` has
  /// `compound_info` in place of `compound_head` since 7.1, and makedumpfile up to 1.7.9 takes the tail pages of its
  /// slabs for free or cache pages. Source: Documentation/kvm.md §8.
  /// - Parameter dumpLevel: bit 8 leaves out user pages, bit 16 free ones.
  func lacksKernelPages(dumpLevel: Int?) -> Bool {
    info?.offset("page.compound_info") != nil && (dumpLevel ?? 0) & 8 != 0 && (isBroken || listed?.gap != nil)
  }

  /// What one who reads a guest's dump needs to know.
  func entry(_ vmcoreinfo: VMCoreInfo?) -> Manifest.Host {
    Manifest.Host(
      kernelRelease: vmcoreinfo?.osrelease, crashTime: vmcoreinfo?["CRASHTIME"].flatMap { UInt64($0) },
      crashLogTime: log?.end?.nanoseconds, panic: log?.panic?.entry, taint: taint.map { .init($0) })
  }

  /// The frames of all regions of the host, where the kernel names them; `nil`: every page has to be looked at.
  var regionFrames: FrameBitmap? { why == nil ? listed?.regionFrames : nil }
}
