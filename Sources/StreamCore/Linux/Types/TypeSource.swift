/// Where a kernel's types stand: vmlinux's between two symbols, and those of loaded modules in the list `btf_modules`.
/// Source: kernel/bpf/btf.c; Documentation/kvm.md §5.3, §5.4.
struct TypeSource: Sendable {
  let kernel: LinuxKernel
  /// `__start_BTF` and `__stop_BTF`, where the kernel has them.
  var start: VirtualAddress?
  var stop: VirtualAddress?
  /// The variable `btf_vmlinux`, a pointer.
  var object: VirtualAddress?
  /// The list's head, `btf_modules`.
  var modules: VirtualAddress?
  /// Modules whose types are wanted, the first to be asked first.
  var wanted: [String]
  var leads: [String: [String]]
  /// A vmlinux that was given.
  var file: KernelFile?

  func open() throws(TypeFault) -> TypeTables {
    let vmlinux: BTF
    if let filled = filled() { vmlinux = filled } else { vmlinux = try own() }
    guard let modules, !wanted.isEmpty else { return TypeTables(vmlinux: vmlinux, leads: leads) }
    let list = KernelListWalk(head: modules, kernel: kernel)
    var found = find(list, .known)
    if found.isEmpty, !list.nodes.isEmpty {
      var tables = TypeTables(vmlinux: vmlinux, leads: leads)
      if let offsets = ModuleTypeOffsets(&tables), offsets != .known { found = find(list, offsets) }
    }
    return tables(vmlinux, found, cut: list.cut)
  }

  /// Bytes of vmlinux's types in the dump.
  private func size(_ start: VirtualAddress, _ stop: VirtualAddress) throws(TypeFault) -> Int {
    let count = Int(clamping: stop.rawValue &- start.rawValue)
    // A count that is out of range makes no room.
    guard count <= BTFHeader.byteLimit else { throw .badTypes(of: "vmlinux", .tooLarge(bytes: count)) }
    return count
  }

  private func own() throws(TypeFault) -> BTF {
    guard let start, let stop else { throw .noTypes }
    let count = try size(start, stop)
    do throws(BTFFault) {
      return try BTF(BTFBytes(kernel, start, count: count)) { types, header in
        guard let object, let pointer = try? kernel.integer(object, size: 8) else { return nil }
        return BTFIndex(kernel, object: VirtualAddress(rawValue: pointer), blob: start, &types, header)
      }
    } catch { throw .badTypes(of: "vmlinux", error) }
  }

  /// The types of the file, where the dump's own are not whole; `nil`: they are, or the file has none that can be used.
  private func filled() -> BTF? {
    // A read of the file that fails is kept by the file, and whoever ends the step throws it.
    guard let file, let bytes = (try? file.file.typeBytes()) ?? nil, let why = damage(beside: bytes) else {
      return nil
    }
    do throws(BTFFault) {
      let types = try BTF(bytes)
      file.log.note(file.file, gives: "types", because: why)
      return types
    } catch {
      file.log.note(file.file, isLeftAsideFor: "its types (.BTF): \(error)")
      return nil
    }
  }

  /// What the dump's own types lack; `nil`: nothing.
  private func damage(beside file: [UInt8]) -> String? {
    guard let start, let stop else { return "\(TypeFault.noTypes)" }
    let own: [UInt8]
    do throws(TypeFault) {
      let count = try size(start, stop)
      do throws(KernelReadFault) { own = try kernel.read(start, count: count) } catch {
        throw TypeFault.badTypes(of: "vmlinux", .unreadable(error))
      }
      do throws(BTFFault) { _ = try BTF(own) } catch { throw TypeFault.badTypes(of: "vmlinux", error) }
    } catch { return "\(error)" }
    guard own.count == file.count, let first = own.indices.first(where: { own[$0] != file[$0] }) else { return nil }
    return "types of vmlinux: byte \(hex(UInt64(first))) differs from the file's"
  }

  private func tables(_ vmlinux: BTF, _ found: [String: Module], cut: KernelListWalk.Cut?) -> TypeTables {
    var types: [(name: String, types: BTF)] = []
    var faults: [String: TypeFault] = [:]
    for name in wanted {
      guard let module = found[name] else {
        faults[name] = .noModule(name, cut: cut)
        continue
      }
      do throws(BTFFault) { types.append((name, try self.types(module, base: vmlinux.end))) } catch {
        faults[name] = .badTypes(of: name, error)
      }
    }
    return TypeTables(
      vmlinux: vmlinux, modules: types, at: found.mapValues(\.module), faults: faults, leads: leads)
  }

  /// The header says how many bytes there are.
  private func types(_ module: Module, base: BTF.Base) throws(BTFFault) -> BTF {
    let first: [UInt8]
    do throws(KernelReadFault) { first = try kernel.read(module.types, count: BTFHeader.size) } catch {
      throw .unreadable(error)
    }
    let header = try BTFHeader(first, available: BTFHeader.byteLimit)
    return try BTF(BTFBytes(kernel, module.types, count: header.end), base: base) { _, _ in nil }
  }

  private struct Module {
    var module: VirtualAddress
    var types: VirtualAddress
  }

  /// The wanted modules of the list. A node counts as a module's when the module it points at has that name.
  private func find(_ list: KernelListWalk, _ offsets: ModuleTypeOffsets) -> [String: Module] {
    var found: [String: Module] = [:]
    let names = Dictionary(wanted.map { (Array($0.utf8), $0) }) { first, _ in first }
    for node in list.nodes where found.count < wanted.count {
      let entry = node &- offsets.list
      guard let module = pointer(entry &+ offsets.module), let object = pointer(entry &+ offsets.types),
        let description = try? kernel.read(object, count: ModuleTypeOffsets.objectBytes),
        // Most nodes end here, and their modules are not read.
        names.keys.contains(where: { Self.holds($0 + [0], description) }),
        let bytes = try? kernel.read(module &+ offsets.name, count: ModuleTypeOffsets.nameBytes),
        let name = names[Array(bytes.prefix { $0 != 0 })], found[name] == nil,
        let types: UInt64 = description.load(Int(clamping: offsets.data)), kernel.isPointer(types & ~7)
      else { continue }
      found[name] = Module(module: module, types: VirtualAddress(rawValue: types))
    }
    return found
  }

  private func pointer(_ address: VirtualAddress) -> VirtualAddress? {
    guard let value = try? kernel.integer(address, size: 8), kernel.isPointer(value) else { return nil }
    return VirtualAddress(rawValue: value)
  }

  /// `struct btf` has the module's name, at a multiple of 4 that moves.
  private static func holds(_ name: [UInt8], _ bytes: [UInt8]) -> Bool {
    stride(from: 0, through: bytes.count - name.count, by: 4).contains { bytes[$0..<$0 + name.count] == name[...] }
  }
}

/// Where the members stand that lead from the list `btf_modules` to a module's types, bytes.
struct ModuleTypeOffsets: Sendable, Equatable {
  /// Of `struct btf_module`.
  var list: UInt64
  var module: UInt64
  var types: UInt64
  /// Of `struct btf`.
  var data: UInt64
  /// Of `struct module`.
  var name: UInt64

  /// Of `struct btf`, as far as its name reaches: 200 on 6.1, 232 on 7.3.
  static let objectBytes = 240
  /// MODULE_NAME_LEN. Source: include/linux/module.h.
  static let nameBytes = 56

  /// As in all kernels that have the list, 5.11 to 7.3. Types are asked only where these do not prove right.
  static let known = ModuleTypeOffsets(list: 0, module: 16, types: 24, data: 0, name: 24)

  init(list: UInt64, module: UInt64, types: UInt64, data: UInt64, name: UInt64) {
    self.list = list
    self.module = module
    self.types = types
    self.data = data
    self.name = name
  }

  /// By the types of the kernel.
  init?(_ tables: inout TypeTables) {
    guard
      let offsets = try? ["btf_module.list", "btf_module.module", "btf_module.btf", "btf.data", "module.name"].map({
        UInt64(try tables.resolve(TypePath($0)).member.offset)
      })
    else { return nil }
    self.init(list: offsets[0], module: offsets[1], types: offsets[2], data: offsets[3], name: offsets[4])
  }
}
