/// An output directory: its manifest, and each file that the manifest names or does not.
struct VerifiedDirectory {
  let path: String
  /// Of all that is in it.
  let names: [String]

  private static let manifestName = "manifest.json"
  /// What a batch writes beside the outputs when it lists only.
  private static let listName = "list.json"
  private static let manifestLimit: UInt64 = 256 << 20

  private func place(_ name: String) -> String { path.utf8.last == UInt8(ascii: "/") ? path + name : path + "/" + name }

  func check(_ workers: Workers) throws -> [Verification.File] {
    let manifest = try InputFile(path: place(Self.manifestName), mapped: false)
    let bytes = try manifest.read(at: 0, count: Int(min(manifest.size, Self.manifestLimit)))
    guard let document = JSONValue(bytes), document["schema"]?.text == Manifest.schemaName else {
      return [.init(manifest.path, wrong: ["it is no manifest of this version (\(Manifest.schemaName))"])]
    }
    var files: [Verification.File] = []
    var named: Set<String> = [Self.manifestName, Self.listName]
    var faults: [String] = []
    for guest in document["guests"]?.elements ?? [] {
      guard let output = guest["output"] else { continue }
      guard let name = output["file"]?.text, Self.isPlain(name) else {
        faults.append("a guest's output has no name that a file here can have")
        continue
      }
      if !named.insert(name).inserted { faults.append("\(HostileText.escaped(name)) is the output of several guests") }
      files.append(try check(name, of: guest, output, workers))
    }
    files.insert(.init(manifest.path, wrong: faults), at: 0)
    for name in names where !named.contains(name) {
      let isLeft = name.hasPrefix(".vmcs-split-")
      files.append(
        .init(
          place(name),
          wrong: [
            isLeft ? "a run that was killed left it; the next one removes it" : "the manifest does not name it"
          ]))
    }
    return files
  }

  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }

  private func check(
    _ name: String, of guest: JSONValue, _ output: JSONValue, _ workers: Workers
  ) throws -> Verification.File {
    let input: InputFile
    do throws(SystemError) { input = try InputFile(path: place(name)) } catch {
      return .init(place(name), wrong: ["it is missing: \(error)"])
    }
    var file = Verification.File(input.path)
    file.bytes = input.size
    var wrong: [String] = []
    if let bytes = output["bytes"]?.integer, bytes != input.size {
      wrong.append("it has \(input.size) bytes, and \(bytes) by the manifest")
    }
    if let sum = output["sha256"]?.text {
      let found = try SHA256.sum(of: input)
      file.hasChecksum = found == sum
      if found != sum { wrong.append("its SHA-256 is \(found), and \(HostileText.escaped(sum)) by the manifest") }
    }
    do {
      let check = try DumpCheck.run(ByteSource(input), workers)
      (file.format, file.pages) = (check.format, check.stored)
      wrong += check.wrong + Self.differences(check, guest, output)
    } catch let error as HostDumpError {
      switch error {
      case .system(let error): throw error
      case .format(let error): wrong.append("\(error)")
      case .unknown(_, let found): wrong.append("it is no dump: it begins with \(found)")
      case .unsupported(_, let format, _): wrong.append("it is no guest's dump, but \(format)")
      }
    }
    file.wrong = wrong
    return file
  }

  /// Where the manifest's figures and the file's are not the same.
  private static func differences(_ check: DumpCheck, _ guest: JSONValue, _ output: JSONValue) -> [String] {
    var wrong: [String] = []
    let format = check.format == "elf" ? "elf" : "kdump"
    if let named = output["format"]?.text, named != format {
      wrong.append("it is of format \(format), and \(HostileText.escaped(named)) by the manifest")
    }
    guard let pages = guest["pages"], let known = pages["known"]?.integer else { return wrong }
    let absent = (pages["absent"]?.members ?? [:]).values.compactMap(\.integer)
    let missing = (absent + [guest["bad_pages"]?["count"]?.integer ?? 0]).reduce(0) { $0 &+ $1 }
    let held = known - min(known, missing)
    if check.stored != held { wrong.append("it holds \(check.stored) pages, and \(held) by the manifest") }
    if let zero = pages["zero"]?.integer, check.zero < zero {
      wrong.append("\(check.zero) of its pages are zero, and \(zero) or more by the manifest")
    }
    return wrong
  }
}
