extension HostWord {
  /// What became of the files that were given, `nil` without any.
  var usedFiles: [Manifest.SymbolFileUsed]? {
    let used = files.all.map { file in
      let entry = files.log[file.path]
      return Manifest.SymbolFileUsed(
        name: file.name, of: file.subject, buildId: file.buildID, proof: entry.proof,
        gives: entry.given.isEmpty ? nil : entry.given, aside: entry.aside ?? (entry.proof == nil ? why : nil))
    }
    return used.isEmpty ? nil : used
  }

  /// What is to be said of files that do not do what they were given for, one line each.
  var fileRemarks: [String] {
    if kernel == nil {
      return files.all.map {
        "\($0.path) is not used: the dump has no VMCOREINFO, which would tell whether it is of its kernel"
      }
    }
    guard why != nil, listed?.types.vcpu == nil else { return [] }
    return files.all.compactMap { file in
      files.log[file.path].aside.map { "\(file.path) is not used: \($0)" }
        ?? (file.types == nil ? file.typesRemedy : nil)
    }
  }
}

extension SymbolFile {
  fileprivate var subject: String {
    switch kind {
    case .kernel: "vmlinux"
    case .module(let name): name
    }
  }
}
