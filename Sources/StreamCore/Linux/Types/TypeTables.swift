/// A type by the blob that has it. What a module takes over from vmlinux has vmlinux's.
struct TypeID: Sendable, Hashable {
  /// In `TypeTables.blobs`; 0 is vmlinux's.
  var blob: Int
  var id: UInt32
}

/// The types of a kernel and of some of its modules. What is asked for is read then, so questions change it.
/// Source: Documentation/kvm.md §5.3, §8.
struct TypeTables: Sendable {
  /// Modifiers behind each other, and arrays in arrays, at most.
  static let depthLimit = 64

  /// vmlinux's, then modules'.
  private(set) var blobs: [BTF]
  /// Where the ids and the strings of each blob begin.
  private var firsts: [BTF.Base]
  /// Of each blob.
  private(set) var names: [String]
  /// The loaded modules that were asked for and found: their `struct module`.
  let modules: [String: VirtualAddress]
  /// Modules whose types are missing, and why.
  private(set) var faults: [String: TypeFault]
  /// Where types can be found without a search, by their names: paths to a member that is of the type or points at it.
  private let leads: [String: [String]]
  private var known: [String: [TypeID]] = [:]
  /// Names whose leads are being followed: leads may lead to each other.
  private var following: Set<String> = []

  /// - Parameter modules: split blobs on `vmlinux`, the first to be asked first.
  init(
    vmlinux: BTF, modules: [(name: String, types: BTF)] = [], at places: [String: VirtualAddress] = [:],
    faults: [String: TypeFault] = [:], leads: [String: [String]] = [:]
  ) {
    blobs = [vmlinux] + modules.map(\.types)
    firsts = blobs.map { BTF.Base(endID: $0.firstID, endString: $0.firstString) }
    names = ["vmlinux"] + modules.map(\.name)
    self.modules = places
    self.faults = faults
    self.leads = leads
  }

  /// Takes in the types of a module whose own are missing.
  /// - Parameter bytes: split on vmlinux's.
  mutating func fill(_ module: String, with bytes: [UInt8]) throws(TypeFault) {
    do throws(BTFFault) {
      let types = try BTF(bytes, base: blobs[0].end)
      firsts.append(BTF.Base(endID: types.firstID, endString: types.firstString))
      blobs.append(types)
      names.append(module)
    } catch { throw .badTypes(of: module, error) }
    faults[module] = nil
    known = [:]
  }

  var pagesRead: Int { blobs.reduce(0) { $0 + $1.pagesRead } }

  // MARK: Names

  /// The types of a name: structs and unions where there are some. First by the leads; then of the modules, by their
  /// own strings; then by a search of everything, which reads all types.
  mutating func types(named name: String) throws(TypeFault) -> [TypeID] {
    if let found = known[name] { return found }
    if let found = followed(name) {
      known[name] = [found]
      return [found]
    }
    for blob in blobs.indices.dropFirst() {
      let found = try ask(blob) { types throws(BTFFault) in try types.types(named: types.strings(named: [name])) }
      if let ids = found[name], let chosen = structures(ids.map { TypeID(blob: blob, id: $0) }) {
        known[name] = chosen
        return chosen
      }
    }
    try search([name])
    return known[name] ?? []
  }

  /// Why there is no type of a name: a module that may have it cannot be read, or nobody has it.
  func missing(_ name: String) -> TypeFault {
    for module in faults.keys.sorted() {
      if let fault = faults[module], fault != .noModule(module, cut: nil) { return fault }
    }
    return .noType(name)
  }

  /// Looks for names in one pass over everything, so that later questions find them.
  mutating func search(_ wanted: Set<String>) throws(TypeFault) {
    var missing = wanted.filter { known[$0] == nil }
    guard !missing.isEmpty else { return }
    var others: [String: [TypeID]] = [:]
    let base = try ask(0) { types throws(BTFFault) in try types.strings(named: missing) }
    for blob in Array(blobs.indices.dropFirst()) + [0] where !missing.isEmpty {
      let found = try ask(blob) { types throws(BTFFault) in
        try types.types(named: blob == 0 ? base : base.merging(types.strings(named: missing)) { first, _ in first })
      }
      for (name, ids) in found where missing.contains(name) {
        let ids = ids.map { TypeID(blob: blob, id: $0) }
        if let chosen = structures(ids) {
          known[name] = chosen
          missing.remove(name)
        } else if others[name] == nil {
          others[name] = ids
        }
      }
    }
    for name in missing { known[name] = others[name] ?? [] }
  }

  /// Those that have members, `nil` without any.
  private mutating func structures(_ ids: [TypeID]) -> [TypeID]? {
    var found: [TypeID] = []
    for id in ids where (try? record(id))??.record.kind.hasMembers == true { found.append(id) }
    return found.isEmpty ? nil : found
  }

  /// The struct or union of a name that a lead leads to.
  private mutating func followed(_ name: String) -> TypeID? {
    guard let paths = leads[name], following.insert(name).inserted else { return nil }
    defer { following.remove(name) }
    for path in paths {
      guard let type = try? self.type(at: path), let plain = try? plain(type), let record = try? record(plain)
      else { continue }
      let target = record.record.kind == .pointer ? try? self.plain(other(record.record.sizeOrType, of: plain)) : plain
      guard let target, let found = try? self.record(target), found.record.kind.hasMembers,
        (try? self.name(found.record.name, of: target, is: Array(name.utf8))) == true
      else { continue }
      return target
    }
    return nil
  }

  /// The value of an enumerator. Reads all types.
  mutating func enumerator(_ name: String) throws(TypeFault) -> Int64 {
    guard let value = try enumerators([name])[name] else { throw .noEnumerator(name) }
    return value
  }

  /// The values of enumerators, each by the first blob that has it; one that nobody has is left out. Reads all types.
  mutating func enumerators(_ wanted: Set<String>) throws(TypeFault) -> [String: Int64] {
    let base = try ask(0) { types throws(BTFFault) in try types.strings(named: wanted) }
    var found: [String: Int64] = [:]
    for blob in Array(blobs.indices.dropFirst()) + [0] where found.count < wanted.count {
      let values = try ask(blob) { types throws(BTFFault) in
        try types.enumerators(
          named: blob == 0 ? base : base.merging(types.strings(named: wanted)) { first, _ in first })
      }
      for (name, values) in values where found[name] == nil {
        guard let first = values.first, values.allSatisfy({ $0 == first }) else { throw .ambiguous(name) }
        found[name] = first
      }
    }
    return found
  }

  // MARK: Records

  private mutating func ask<T>(_ blob: Int, _ body: (inout BTF) throws(BTFFault) -> T) throws(TypeFault) -> T {
    do throws(BTFFault) { return try body(&blobs[blob]) } catch { throw .badTypes(of: names[blob], error) }
  }

  /// What the type `of` calls by an id.
  func other(_ id: UInt32, of type: TypeID) -> TypeID {
    TypeID(blob: id < firsts[type.blob].endID ? 0 : type.blob, id: id)
  }

  /// `nil` for void and for ids that nobody has.
  mutating func record(_ type: TypeID) throws(TypeFault) -> (record: BTFRecord, place: Int)? {
    try ask(type.blob) { types throws(BTFFault) in try types.record(type.id) }
  }

  /// A word behind a record that was read.
  mutating func word(_ type: TypeID, _ place: Int, _ offset: Int) -> UInt32? { blobs[type.blob].word(place, offset) }

  /// Whether the string of an offset, as `type` counts, is `name`. Offsets that nobody has are the empty string.
  mutating func name(_ offset: UInt32, of type: TypeID, is name: [UInt8]) throws(TypeFault) -> Bool {
    let blob = Int(offset) < firsts[type.blob].endString ? 0 : type.blob
    guard let start = blobs[blob].string(offset) else { return name.isEmpty }
    return try ask(blob) { types throws(BTFFault) in try types.string(at: start, is: name) }
  }

  /// A type's name, `nil` without one.
  mutating func name(of type: TypeID) throws(TypeFault) -> String? {
    guard let (record, _) = try record(type), record.name != 0 else { return nil }
    let blob = Int(record.name) < firsts[type.blob].endString ? 0 : type.blob
    guard let start = blobs[blob].string(record.name) else { return nil }
    let bytes = try ask(blob) { types throws(BTFFault) in try types.string(at: start) }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// The type behind typedefs, const, volatile and their kind; `nil` where they have no end, or end in void.
  mutating func plain(_ type: TypeID) throws(TypeFault) -> TypeID? {
    var type = type
    for _ in 0..<Self.depthLimit {
      guard let (record, _) = try record(type) else { return nil }
      guard record.kind.isModifier else { return type }
      type = other(record.sizeOrType, of: type)
    }
    return nil
  }

  /// The elements of an array, and how many.
  mutating func elements(of type: TypeID) throws(TypeFault) -> (type: TypeID, count: Int)? {
    guard let (record, place) = try record(type), record.kind == .array, let element = word(type, place, 0),
      let count = word(type, place, 8)
    else { return nil }
    return (other(element, of: type), Int(count))
  }

  mutating func integer(_ type: TypeID) throws(TypeFault) -> BTFInteger? {
    guard let (record, place) = try record(type), record.kind == .int, let word = word(type, place, 0) else {
      return nil
    }
    return BTFInteger(isSigned: word >> 24 & 1 == 1, bitOffset: Int(word >> 16 & 0xff), bits: Int(word & 0xff))
  }

  /// Bytes of a value of a type; `nil` for void, functions, declarations, and sizes of no object.
  mutating func size(of type: TypeID) throws(TypeFault) -> Int? {
    var type = type
    var factor = 1
    for _ in 0..<Self.depthLimit {
      guard let plain = try plain(type), let (record, _) = try record(plain) else { return nil }
      switch record.kind {
      case .int, .structure, .union, .enumeration, .enumeration64, .float:
        return Self.product(factor, Int(record.sizeOrType))
      case .pointer: return Self.product(factor, 8)
      case .array:
        guard let elements = try elements(of: plain), let product = Self.product(factor, elements.count) else {
          return nil
        }
        factor = product
        type = elements.type
      default: return nil
      }
    }
    return nil
  }

  private static func product(_ a: Int, _ b: Int) -> Int? {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow || product > 1 << 47 ? nil : product
  }
}
