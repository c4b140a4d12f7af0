import Synchronization

/// The types of a kernel: vmlinux's and those of modules. Offsets come from here and from no table of versions. Nothing
/// is read before the first question, and then as little as answers it. Safe to use from any thread.
/// Source: Documentation/kvm.md §5.3, §8.
final class KernelTypes: Sendable {
  private enum State: Sendable {
    case unasked
    case there(TypeTables)
    case fault(TypeFault)
  }

  private let state: Mutex<State>
  private let open: @Sendable () throws(TypeFault) -> TypeTables

  /// - Parameter open: called once, at the first question.
  init(_ open: @escaping @Sendable () throws(TypeFault) -> TypeTables) {
    state = Mutex(.unasked)
    self.open = open
  }

  init(_ tables: TypeTables) {
    state = Mutex(.there(tables))
    open = { () throws(TypeFault) in tables }
  }

  /// The member at a path within one object: `kvm_vcpu.arch.regs[4]`. Pointers are not followed.
  func member(_ path: String) throws(TypeFault) -> KernelMember {
    let parsed = try TypePath(path)
    for step in parsed.steps {
      if case .arrow = step { throw .isPointer(path: path, at: step.description) }
    }
    return try ask { tables throws(TypeFault) in try tables.resolve(parsed) }.member
  }

  /// Bytes from the start of a type to a member of it.
  /// - Parameter reach: what a damaged type says must stay below.
  func offset(_ path: String, below reach: UInt64) throws(TypeFault) -> UInt64 {
    let member = try member(path)
    guard let offset = UInt64(exactly: member.offset), offset < reach else {
      throw .tooLarge(path: path, bytes: member.offset)
    }
    return offset
  }

  /// A path to read many objects by. `->` follows a pointer: `kvm.mm->pgd`.
  func path(_ text: String) throws(TypeFault) -> ResolvedPath {
    let parsed = try TypePath(text)
    return try ask { tables throws(TypeFault) in try tables.resolve(parsed) }
  }

  /// Bytes of a type.
  func size(of name: String) throws(TypeFault) -> Int {
    try ask { tables throws(TypeFault) in try tables.size(of: name) }
  }

  /// Whether there is a member at a path.
  func has(_ path: String) -> Bool { (try? self.path(path)) != nil }

  /// The value of an enumerator. Reads all types, as what is a `#define` in the kernel's source shows only then.
  func enumerator(_ name: String) throws(TypeFault) -> Int64 {
    try ask { tables throws(TypeFault) in try tables.enumerator(name) }
  }

  /// The values of enumerators, in one pass; one that nobody has is left out.
  func enumerators(_ names: Set<String>) throws(TypeFault) -> [String: Int64] {
    try ask { tables throws(TypeFault) in try tables.enumerators(names) }
  }

  /// Looks for types by name in one pass over all, which later questions then need not.
  func search(_ names: Set<String>) throws(TypeFault) {
    try ask { tables throws(TypeFault) in try tables.search(names) }
  }

  /// The `struct module` of a module that was asked for, where its types were found.
  func module(_ name: String) throws(TypeFault) -> VirtualAddress? {
    try ask { tables throws(TypeFault) in tables.modules[name] }
  }

  /// Modules whose types were asked for and are missing, and why.
  func faults() throws(TypeFault) -> [String: TypeFault] {
    try ask { tables throws(TypeFault) in tables.faults }
  }

  /// Takes in the types of a module whose own are missing.
  /// - Parameter bytes: split on vmlinux's.
  func fill(_ module: String, with bytes: [UInt8]) throws(TypeFault) {
    try ask { tables throws(TypeFault) in try tables.fill(module, with: bytes) }
  }

  /// Whether a module's own types are there.
  func hasTypes(of module: String) -> Bool {
    (try? ask { tables throws(TypeFault) in tables.names.contains(module) }) ?? false
  }

  /// Pages of types that were read.
  var pagesRead: Int {
    state.withLock { if case .there(let tables) = $0 { tables.pagesRead } else { 0 } }
  }

  private func ask<T: Sendable>(_ body: (inout TypeTables) throws(TypeFault) -> T) throws(TypeFault) -> T {
    try state.withLock { (state) throws(TypeFault) in
      if case .unasked = state {
        do throws(TypeFault) { state = .there(try open()) } catch { state = .fault(error) }
      }
      guard case .there(var tables) = state else {
        if case .fault(let fault) = state { throw fault }
        throw .noTypes
      }
      // The tables are moved out and back: two holders would copy them.
      state = .unasked
      defer { state = .there(tables) }
      return try body(&tables)
    }
  }
}

extension KernelTypes: Equatable {
  static func == (one: KernelTypes, other: KernelTypes) -> Bool { one === other }
}
