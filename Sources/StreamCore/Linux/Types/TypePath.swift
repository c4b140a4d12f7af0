/// A path from a type to a member, as text: `kvm_vcpu.arch.regs[4]`, `kvm.mm->pgd`.
struct TypePath: Sendable, Equatable {
  enum Step: Sendable, Equatable {
    case member(String)
    case index(Int)
    /// Follows a pointer, then takes the member.
    case arrow(String)
  }

  /// Bytes of a path at most.
  private static let limit = 512

  let text: String
  let type: String
  let steps: [Step]

  init(_ text: String) throws(TypeFault) {
    var rest = text.utf8[...]
    guard rest.count <= Self.limit, let type = Self.name(&rest) else { throw .badPath(text) }
    var steps: [Step] = []
    while let mark = rest.popFirst() {
      switch mark {
      case UInt8(ascii: "."):
        guard let name = Self.name(&rest) else { throw .badPath(text) }
        steps.append(.member(name))
      case UInt8(ascii: "-"):
        guard rest.popFirst() == UInt8(ascii: ">"), let name = Self.name(&rest) else { throw .badPath(text) }
        steps.append(.arrow(name))
      case UInt8(ascii: "["):
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest.dropFirst(digits.count)
        guard let index = Int(String(decoding: digits, as: UTF8.self)), rest.popFirst() == UInt8(ascii: "]") else {
          throw .badPath(text)
        }
        steps.append(.index(index))
      default: throw .badPath(text)
      }
    }
    self.text = text
    self.type = type
    self.steps = steps
  }

  /// A C identifier.
  private static func name(_ rest: inout Substring.UTF8View) -> String? {
    let name = rest.prefix { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: false
      }
    }
    rest = rest.dropFirst(name.count)
    return name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
  }
}

extension TypePath.Step: CustomStringConvertible {
  var description: String {
    switch self {
    case .member(let name), .arrow(let name): name
    case .index(let index): "[\(index)]"
    }
  }
}
