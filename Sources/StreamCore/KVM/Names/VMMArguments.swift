/// What the arguments of a VMM say of its VM. Source: QEMU's qemu-options.hx (-name, -uuid, -smbios) and
/// util/keyval.c; Firecracker's src/firecracker/src/main.rs (--id); crosvm's and kvmtool's --name; cloud-hypervisor's
/// src/main.rs (--api-socket).
struct VMMArguments: Sendable {
  let name: VMName?
  /// Lower case, "8-4-4-4-12" digits.
  let uuid: String?

  /// - Parameter values: of one VM's process, its program first.
  init(_ values: [String]) {
    let options = Self.options(values)
    let value = { (names: Set<String>, read: (String) -> String?) in
      // The last one counts, as for the VMMs.
      options.last { names.contains($0.name) }.flatMap { option in read(option.value).map { (option.written, $0) } }
    }
    let named =
      value(["name"], { Self.entry("guest", of: $0, isFirst: true) }) ?? value(["id"], { $0 })
      ?? value(["api-socket"], { FileStem.of(Self.entry("path", of: $0, isFirst: true) ?? "") })
    name = named.flatMap { option, text in VMName(text, .arguments, [option]) }
    let own = value(["uuid"], Self.uuid)
    // Of several tables each says something of its own.
    let tables = options.lazy.filter { $0.name == "smbios" }
      .compactMap { Self.entry("uuid", of: $0.value, isFirst: false).flatMap(Self.uuid) }
    uuid = own?.1 ?? tables.first
  }

  /// Options and the argument behind each, or what follows their equals sign. An option's value that looks like an
  /// option is taken for one, but for a kernel's command line.
  private static func options(_ values: [String]) -> [(name: String, written: String, value: String)] {
    var options: [(name: String, written: String, value: String)] = []
    var index = 1
    while index < values.count {
      let text = values[index]
      index += 1
      guard text.utf8.first == UInt8(ascii: "-") else { continue }
      let isLong = text.utf8.starts(with: "--".utf8)
      let word = text.dropFirst(isLong ? 2 : 1)
      if isLong, let equals = word.firstIndex(of: "=") {
        let name = String(word[..<equals])
        options.append((name, "--" + name, String(word[word.index(after: equals)...])))
        continue
      }
      guard index < values.count else { continue }
      let isFree = word == "append" || word == "cmdline"
      if !isFree { options.append((String(word), text, values[index])) }
      if isFree { index += 1 }
    }
    return options
  }

  /// An entry of a list such as "guest=web,debug-threads=on", in which a comma of a value is doubled.
  /// - Parameter isFirst: the first entry is the one that is looked for where it has no name.
  private static func entry(_ key: String, of list: String, isFirst: Bool) -> String? {
    var found: String?
    for (index, item) in items(of: list).enumerated() {
      if let equals = item.firstIndex(of: "="), item[..<equals].allSatisfy({ $0.isLetter || $0 == "-" || $0 == "_" }) {
        if item[..<equals] == key { found = String(item[item.index(after: equals)...]) }
      } else if index == 0, isFirst {
        found = item
      }
    }
    return found
  }

  private static func items(of list: String) -> [String] {
    let comma = UInt8(ascii: ",")
    var items: [String] = []
    var item: [UInt8] = []
    var rest = list.utf8[...]
    while let byte = rest.popFirst() {
      if byte != comma {
        item.append(byte)
      } else if rest.first == comma {
        item.append(comma)
        rest.removeFirst()
      } else {
        items.append(String(decoding: item, as: UTF8.self))
        item = []
      }
    }
    return items + [String(decoding: item, as: UTF8.self)]
  }

  /// `nil` for what has not the form of one.
  private static func uuid(_ text: String) -> String? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let isHex = parts.allSatisfy { $0.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit } }
    return parts.map(\.utf8.count) == [8, 4, 4, 4, 12] && isHex ? text.lowercased() : nil
  }
}
