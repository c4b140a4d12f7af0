/// What guests are called, in reports and as files: by their VMs' names as far as a file's name can be that, else by
/// their numbers. Source: Documentation/design.md §5.
enum GuestNames {
  /// ASCII characters of a name at most, so that a suffix finds room in any file system.
  static let limit = 100

  static func number(_ id: Int) -> String { "guest-\(id)" }

  /// Of guests in the order of their numbers, 1, 2, …: no two are the same name for any file system.
  /// - Parameter labels: their VMs' names, where they have some.
  static func choose(_ labels: [String?]) -> [String] {
    let names = labels.map { $0.flatMap(fileName) }
    let uses = Dictionary(names.compactMap { $0?.lowercased() }.map { ($0, 1) }, uniquingKeysWith: +)
    return names.enumerated().map { index, name in
      let own = number(index + 1)
      guard let name, uses[name.lowercased()] == 1, !isReserved(name, besides: own) else { return own }
      return name
    }
  }

  /// Letters, digits, ".", "_" and "-" of ASCII; all else becomes "_", as do a dot and a dash at the start. `nil` where
  /// no letter and no digit is left.
  private static func fileName(_ label: String) -> String? {
    var name = ""
    for scalar in label.unicodeScalars.prefix(limit) {
      let isPlain =
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        case ".", "-": !name.isEmpty
        default: false
        }
      name.unicodeScalars.append(isPlain ? scalar : "_")
    }
    return name.contains { $0.isLetter || $0.isNumber } ? name : nil
  }

  /// What is another guest's by its number, or the manifest's.
  private static func isReserved(_ name: String, besides own: String) -> Bool {
    let name = name.lowercased()
    guard name != own else { return false }
    return name == "manifest" || name.hasPrefix("guest-") && name.dropFirst(6).allSatisfy(\.isNumber)
  }
}

extension Guest {
  /// Whether it is meant by a number, a name, the VMM's number, or a UUID.
  func isMeant(by wanted: String) -> Bool {
    let pid = vm?.pid.map { "\($0)" }
    return ["\(id)", name, GuestNames.number(id), vm?.name?.text, pid].contains(wanted)
      || vm?.uuid == wanted.lowercased()
  }

  /// For people who must choose: nothing of it is a tenant's own words.
  var summary: String {
    let pid = vm?.pid.map { ", PID \($0)" } ?? ""
    return "\(id) (\(name)\(pid))"
  }
}
