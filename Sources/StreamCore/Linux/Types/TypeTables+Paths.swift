extension TypeTables {
  /// Asks for each step of a path once.
  mutating func resolve(_ path: TypePath) throws(TypeFault) -> ResolvedPath {
    let (place, hops) = try walk(path)
    return ResolvedPath(text: path.text, hops: hops, member: try describe(place, path))
  }

  /// The type of the member at a path.
  mutating func type(at path: String) throws(TypeFault) -> TypeID { try walk(TypePath(path)).place.type }

  /// Bytes of a type, the same for all of its name.
  mutating func size(of name: String) throws(TypeFault) -> Int {
    let types = try types(named: name)
    guard let first = types.first else { throw missing(name) }
    guard let size = try size(of: first) else { throw .noSize(name) }
    for other in types.dropFirst() where try self.size(of: other) != size { throw .ambiguous(name) }
    return size
  }

  private mutating func walk(_ path: TypePath) throws(TypeFault) -> (place: FoundMember, hops: [Int]) {
    guard !path.steps.isEmpty else { throw .badPath(path.text) }
    let types = try types(named: path.type)
    guard !types.isEmpty else { throw missing(path.type) }
    var walk = PathWalk(path: path)
    return try walk.resolve(from: types, name: path.type, step: 0, hops: [], &self)
  }

  private mutating func describe(_ place: FoundMember, _ path: TypePath) throws(TypeFault) -> KernelMember {
    guard let type = try plain(place.type), let (record, _) = try record(type), let size = try size(of: type) else {
      throw .noSize(path.text)
    }
    var structure: String?
    var kind = KernelMember.Kind.structure
    var isSigned = false
    switch record.kind {
    case .structure, .union: structure = try name(of: type)
    case .pointer:
      kind = .pointer
      if let pointee = try plain(other(record.sizeOrType, of: type)), let of = try self.record(pointee)?.record.kind,
        of.hasMembers || of == .forward
      {
        structure = try name(of: pointee)
      }
    case .array: kind = .array
    case .float: kind = .float
    case .int:
      kind = .integer
      isSigned = try integer(type)?.isSigned ?? false
    default:
      kind = .integer
      isSigned = record.flag
    }
    guard place.bitOffset & 7 == 0 || place.bitSize != nil else { throw .noSize(path.text) }
    let bit = place.bitSize.map { _ in place.bitOffset & 7 }
    let elements = try elements(of: type)
    return KernelMember(
      offset: place.bitOffset >> 3, bitOffset: bit, bitSize: place.bitSize,
      size: place.bitSize.map { ((place.bitOffset & 7) + $0 + 7) / 8 } ?? size,
      count: elements?.count,
      elementSize: try elements.flatMap { element throws(TypeFault) in try self.size(of: element.type) },
      kind: kind, isSigned: isSigned, structure: structure)
  }
}

/// Goes along a path by the types.
private struct PathWalk {
  let path: TypePath
  /// Members that may be looked at: far above the largest structs, far below what a circle could ask for.
  private var budget = 1 << 18
  /// Structs of equal names that may be tried.
  private var trials = 256

  init(path: TypePath) { self.path = path }

  /// Several types of one name count as one where they agree on the path; those that lack it are not meant.
  mutating func resolve(
    from starts: [TypeID], name: String, step: Int, hops: [Int], _ types: inout TypeTables
  ) throws(TypeFault) -> (place: FoundMember, hops: [Int]) {
    var result: (place: FoundMember, hops: [Int])?
    var fault: TypeFault?
    for start in starts {
      trials -= 1
      guard trials >= 0, budget > 0 else { throw .tooDeep(path.text) }
      do throws(TypeFault) {
        let found = try resolve(from: start, step: step, hops: hops, &types)
        if let result {
          let sizes = (try types.size(of: result.place.type), try types.size(of: found.place.type))
          guard result.hops == found.hops, result.place.bitOffset == found.place.bitOffset,
            result.place.bitSize == found.place.bitSize, sizes.0 == sizes.1
          else { throw .ambiguous(name) }
        }
        result = result ?? found
      } catch {
        if case .ambiguous = error { throw error }
        fault = fault ?? error
      }
    }
    if let result { return result }
    throw fault ?? .noType(name)
  }

  private mutating func resolve(
    from start: TypeID, step first: Int, hops: [Int], _ types: inout TypeTables
  ) throws(TypeFault) -> (place: FoundMember, hops: [Int]) {
    var place = FoundMember(type: start, bitOffset: 0, bitSize: nil)
    for (number, step) in path.steps.enumerated().dropFirst(first) {
      let at = step.description
      switch step {
      case .member(let name): place = try member(name, in: place, &types)
      case .index(let index): place = try element(index, of: place, at: at, &types)
      // The first step of what a pointer leads to has been judged with the pointer.
      case .arrow(let name) where number == first && !hops.isEmpty: place = try member(name, in: place, &types)
      case .arrow:
        guard place.bitSize == nil, let pointer = try types.plain(place.type),
          let (record, _) = try types.record(pointer), record.kind == .pointer
        else { throw .notAPointer(path: path.text, at: at) }
        let (pointees, name) = try pointees(types.other(record.sizeOrType, of: pointer), at: at, &types)
        return try resolve(from: pointees, name: name, step: number, hops: hops + [place.bitOffset / 8], &types)
      }
    }
    return (place, hops)
  }

  private mutating func member(
    _ name: String, in place: FoundMember, _ types: inout TypeTables
  ) throws(TypeFault) -> FoundMember {
    guard place.bitSize == nil, let plain = try types.plain(place.type) else {
      throw .noMember(path: path.text, at: name)
    }
    guard let found = try types.member(Array(name.utf8), of: plain, budget: &budget) else {
      throw budget > 0 ? .noMember(path: path.text, at: name) : .tooDeep(path.text)
    }
    return FoundMember(type: found.type, bitOffset: place.bitOffset + found.bitOffset, bitSize: found.bitSize)
  }

  private func element(
    _ index: Int, of place: FoundMember, at: String, _ types: inout TypeTables
  ) throws(TypeFault) -> FoundMember {
    guard place.bitSize == nil, let plain = try types.plain(place.type),
      let (type, count) = try types.elements(of: plain)
    else { throw .notAnArray(path: path.text, at: at) }
    // An array of 0 elements ends where its object does.
    guard index < count || count == 0 && index < 1 << 24 else {
      throw .outOfRange(path: path.text, at: at, count: count)
    }
    guard let size = try types.size(of: type) else { throw .noSize(path.text) }
    let (bytes, overflow) = index.multipliedReportingOverflow(by: size)
    guard !overflow, bytes < 1 << 48 else { throw .outOfRange(path: path.text, at: at, count: count) }
    return FoundMember(type: type, bitOffset: place.bitOffset + 8 * bytes, bitSize: nil)
  }

  /// What a pointer may lead to: its struct, or those of that name where the pointer knows no more than the name.
  private func pointees(
    _ target: TypeID, at: String, _ types: inout TypeTables
  ) throws(TypeFault) -> (types: [TypeID], name: String) {
    guard let pointee = try types.plain(target), let (record, _) = try types.record(pointee) else {
      throw .noPointee(path: path.text, at: at)
    }
    let name = try types.name(of: pointee) ?? path.text
    guard record.kind == .forward else { return ([pointee], name) }
    var found: [TypeID] = []
    for id in try types.types(named: name) where try types.record(id)?.record.kind.hasMembers == true {
      found.append(id)
    }
    guard !found.isEmpty else { throw .noPointee(path: path.text, at: at) }
    return (found, name)
  }
}
