import HostModel
import HostRecipes
@testable import StreamCore

/// Writes a layout as a VMCSINFO in each form, as a host's processor would have given it. Source:
/// Documentation/vmcsinfo.md §2 to §4.
struct VMCSInfoTable {
  let layout: VMCSLayout

  /// What VMREAD gives for a field of a region filled with words that name their places.
  func value(_ name: String) -> UInt64 {
    guard let place = layout.fields[name] else { return 0 }
    var value: UInt64 = 0
    for at in stride(from: 0, to: place.width, by: 2) {
      let index = UInt64(place.offset + at) / 2
      let word = (index % 64) * 4 + 0x100 + (index / 64) * 0x200
      value |= word << (8 * UInt64(at))
    }
    guard name.hasSuffix("_AR_BYTES") else { return value }
    switch layout.form {
    case "bochs-rotated": return (value >> 8 | value << 24) & 0xffff_ffff
    case "packed16": return value & 0xf0ff | (value & 0x0800) << 5
    default: return value
    }
  }

  private var names: [String] { layout.fields.keys.sorted() }

  private func encoding(_ name: String) -> UInt32 { VMCSField(name: name).map { UInt32($0.rawValue) } ?? 0xffff }

  private func digits(_ value: UInt64, _ count: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }

  var text: [UInt8] {
    var lines = ["REVISION_ID=\(String(layout.revision, radix: 16))"]
    for name in names {
      let bytes = name.hasSuffix("_AR_BYTES") ? 4 : layout.fields[name]?.width ?? 0
      lines.append("FIELD(\(name))=\(digits(value(name), 2 * bytes))")
      if 0x2000..<0x3000 ~= encoding(name) { lines.append("FIELD(\(name)_HIGH)=\(digits(value(name) >> 32, 16))") }
    }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  var binary: [UInt8] {
    names.reduce(into: RecipeFile.le32(layout.revision)) { bytes, name in
      bytes += RecipeFile.le32(encoding(name)) + RecipeFile.le64(value(name))
    }
  }

  /// Name and text of each file of a sysfs directory.
  var files: [(name: String, text: String)] {
    [("id", "0x\(String(layout.revision, radix: 16))\n")]
      + names.map { (digits(UInt64(encoding($0)), 4), "0x\(String(layout.fields[$0]?.offset ?? 0, radix: 16))\n") }
  }

  static func note(_ descriptor: [UInt8]) -> [UInt8] {
    ElfNotes.note(name: "VMCSINFO", type: 0, descriptor: descriptor)
  }
}

extension VMCSLayout {
  /// A layout that nobody has: the fields of a real one, by width and then in the reverse order of their names, from byte 0x80
  /// on. Packed access rights stand behind their selector, as processors have them.
  static func unheardOf(revision: UInt32, form: String) -> VMCSLayout {
    var fields: [String: Place] = [:]
    var offset = 0x80
    for field in VMCSField.allCases.sorted(by: { ($1.width, $1.name) < ($0.width, $0.name) }) {
      guard catalogue["bochs-2.7"]?.fields[field.name] != nil else { continue }
      let isRights = field.name.hasSuffix("_AR_BYTES")
      if isRights && form == "packed16" { continue }
      fields[field.name] = Place(offset: offset, width: field.width)
      offset += field.width
      guard form == "packed16", field.name.hasPrefix("GUEST_"), field.name.hasSuffix("_SELECTOR") else { continue }
      fields[field.name.replacing("SELECTOR", with: "AR_BYTES")] = Place(offset: offset, width: 2)
      offset += 2
    }
    return VMCSLayout(id: "unheard-of", revision: revision, form: form, fields: fields)
  }
}

extension BuiltHost {
  /// The same host on a processor with another layout: its regions and VMXON regions are written anew.
  func with(_ layout: VMCSLayout) -> BuiltHost {
    var host = self
    host.layout = layout
    for vcpu in guests.flatMap(\.vcpus) {
      host.space.memory.setWords(layout.region(vcpu.fields), frame: vcpu.vmcs >> 12)
    }
    for page in vmxonRegions { host.space.memory.store(UInt64(layout.revision), at: page, width: 4) }
    return host
  }

  /// Dumps with more notes behind the host's own: they move to the end of the file.
  func kdump(adding notes: [UInt8]) -> [UInt8] {
    RecipeKdump().bytes(of: self) { bytes, places in
      let all = self.notes + notes
      bytes.replaceSubrange(
        4096 + 48..<4096 + 64, with: RecipeFile.le64(UInt64(bytes.count)) + RecipeFile.le64(UInt64(all.count)))
      bytes += all
    }
  }

  func elf(adding notes: [UInt8]) -> [UInt8] {
    var bytes = elf(.vmcore)
    let all = self.notes + notes
    let size = RecipeFile.le64(UInt64(all.count))
    // The first program header is the PT_NOTE: p_offset, then p_filesz and p_memsz.
    bytes.replaceSubrange(64 + 8..<64 + 16, with: RecipeFile.le64(UInt64(bytes.count)))
    bytes.replaceSubrange(64 + 32..<64 + 48, with: size + size)
    return bytes + all
  }
}
