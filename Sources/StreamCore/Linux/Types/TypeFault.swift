/// Why types do not answer a question. `path` is the whole of it, `at` the step that failed.
enum TypeFault: Error, Equatable, Sendable {
  /// The kernel has no BTF: built without it, or before 5.2.
  case noTypes
  /// Of vmlinux, or of the module of this name.
  case badTypes(of: String, BTFFault)
  /// The list of the modules' types does not have a module: it is built in, or not loaded; or the list is cut.
  case noModule(String, cut: KernelListWalk.Cut?)
  /// Not of the form `type.member[1]->member`.
  case badPath(String)
  case noType(String)
  /// Types of this name differ, and nothing says which is meant.
  case ambiguous(String)
  case noEnumerator(String)
  case noMember(path: String, at: String)
  case notAnArray(path: String, at: String)
  case outOfRange(path: String, at: String, count: Int)
  case notAPointer(path: String, at: String)
  /// A pointer in a path that is to stay within one object.
  case isPointer(path: String, at: String)
  /// It points at void, at a function, or at a type that no types describe.
  case noPointee(path: String, at: String)
  case noSize(String)
  /// More nested, or more to look through, than any kernel's types: they name each other in a circle.
  case tooDeep(String)
  case notAnInteger(path: String)
  case notText(path: String)
  case tooLarge(path: String, bytes: Int)
}

extension TypeFault {
  /// The whole list of modules' types lacks one.
  var isMissingModule: Bool { if case .noModule(_, nil) = self { true } else { false } }
}

extension TypeFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noTypes: "the kernel describes no types"
    case .noModule(let name, let cut):
      "no types of a module \(name)" + (cut.map { ": the list btf_modules ends early, \($0)" } ?? "")
    case .badTypes(let name, let fault): "types of \(name): \(fault)"
    case .badPath(let path): "'\(path)' is no path of members"
    case .noType(let name): "the kernel's types have no '\(name)'"
    case .ambiguous(let name): "the kernel's types have several '\(name)' that differ"
    case .noEnumerator(let name): "the kernel's types have no enumerator '\(name)'"
    case .noMember(let path, let at): "the kernel's types have no '\(at)' in '\(path)'"
    case .notAnArray(let path, let at): "before '\(at)' there is no array in '\(path)'"
    case .outOfRange(let path, let at, let count): "'\(at)' in '\(path)' is past the end: \(count) elements"
    case .notAPointer(let path, let at): "before '\(at)' there is no pointer in '\(path)'"
    case .isPointer(let path, let at): "'\(at)' in '\(path)' follows a pointer out of the object"
    case .noPointee(let path, let at): "what '\(at)' follows in '\(path)' points at no known structure"
    case .noSize(let name): "'\(name)' has no size"
    case .tooDeep(let name): "the types of '\(name)' have no end"
    case .notAnInteger(let path): "'\(path)' is no integer and no pointer"
    case .notText(let path): "'\(path)' is no array of characters"
    case .tooLarge(let path, let bytes): "'\(path)' has \(bytes) bytes, too many to read"
    }
  }
}
