import HostModel

/// The process that runs a guest's VM, as a recipe says it. Texts are bytes, in a recipe with "%0a" for any of them.
package struct ProcessSpec: Sendable {
  package var program = VMMProgram.qemu
  /// What its arguments call the VM; `nil`: the guest's name in the recipe.
  package var name: [UInt8]?
  /// Its arguments say no name.
  package var isUnnamed = false
  /// The guest whose VMM runs this one, too.
  package var owner: String?
  package var arguments: [[UInt8]] = []
  package var sockets: [[UInt8]] = []
  package var files: [[UInt8]] = []
  package var cgroup = "/"
  package var uid: UInt64 = 107
  package var started: UInt64 = 61_234_567_890

  /// The words of one guest line; `false`: the line is about something else.
  package mutating func take(_ verb: String, _ words: inout RecipeWords) throws(RecipeMistake) -> Bool {
    switch verb {
    case "argument": arguments.append(Self.bytes(try words.word("argument")))
    case "socket": sockets.append(Self.bytes(try words.word("path")))
    case "file": files.append(Self.bytes(try words.word("path")))
    case "cgroup": cgroup = String(decoding: Self.bytes(try words.word("path")), as: UTF8.self)
    case "uid": uid = try words.number("uid")
    case "started": started = try words.number("nanoseconds")
    default: return false
    }
    return true
  }

  /// `%` and two digits are a byte; `*` and a number repeats the one before: "a*1000".
  package static func bytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      if byte == UInt8(ascii: "%"), let value = UInt8(digits, radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else if byte == UInt8(ascii: "*"), let last = bytes.last, let count = Int(String(decoding: rest, as: UTF8.self))
      {
        bytes += [UInt8](repeating: last, count: max(0, min(count, 1 << 20) - 1))
        rest = []
      } else {
        bytes.append(byte)
      }
    }
    return bytes
  }

  /// What the kernel has of it.
  package func describe(_ process: inout ProcessDescription) {
    process.arguments += arguments
    process.sockets = sockets
    process.openFiles = files
    process.cgroup = cgroup
    process.uid = uid
    process.started = started
  }
}
