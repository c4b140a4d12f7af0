import StreamCore

/// One clear line for each failure: what, where, and what to do.
func explain(_ failure: Failure) -> String {
  switch failure {
  case .input(.format(let error)): return error.description
  case .input(.system(let error)): return error.description + (error.remedy.map { "; \($0)" } ?? "")
  case .io(let error): return error.description
  case .input(.unsupported(let file, let format, let remedy)): return "\(file): this is \(format); \(remedy)"
  case .input(.unknown(let file, let found)):
    return "\(file): not a dump that is known: expected kdump-compressed or an ELF core, found \(found)"
  case .noLayout(let ids, let detail):
    let list = ids.map { hex($0) }.joined(separator: ", ")
    return "the host used VMX (VMCS revision \(list)), but no known layout fits: \(detail); "
      + "give one with --layout FILE or --vmcsinfo PATH (offsets read on a host with the same processor), or the types of "
      + "the host's kernel with --symbols: by them guests and their memory come out without a layout"
  case .unsupportedHost(let what, let remedy): return "\(what); \(remedy)"
  case .noGuest(let trace, let unread):
    let found = "no VMCS of one" + (trace.map { ", only \($0)" } ?? " and no trace of VMX")
    if unread.isEmpty { return "no sign of a guest: \(found) in any stored page" }
    return "no sign of a guest in what is left of the dump (\(found)), which does not say that the host had none: "
      + unread.joined(separator: "; ")
  case .ofDump(let failure, let noticed):
    return ([explain(failure)] + noticed.map { "of the dump: \($0)" }).joined(separator: "; ")
  case .nothingStored(let pages, let lost, _) where lost > 0:
    return "0 of \(pages) guest pages can be had: \(lost) are lost or damaged; list shows what there is"
  case .nothingStored(let pages, _, let level):
    let filter = level.map { "this dump was written with makedumpfile -d \($0)" } ?? "this dump was filtered"
    return "0 of \(pages) guest pages stored: \(filter), which leaves guest memory out; "
      + "list shows what there is, and -d 17 in kdump's core_collector keeps guests next time"
  case .noSuchGuest(let wanted, let known):
    return "no guest \"\(wanted)\"; there are: \(known.joined(separator: ", "))"
  case .ambiguousGuest(let wanted, let meant):
    return "\(meant.count) guests answer to \"\(HostileText.escaped(wanted))\": \(meant.joined(separator: ", ")); "
      + "name one by something that no other has"
  case .noSuchLayout(let wanted, let known):
    return "no layout \"\(wanted)\"; there are: \(known.joined(separator: ", "))"
  case .badLayout(let path, let why): return "\(path): not a layout: \(why)"
  case .badVMCSInfo(let path, let why): return "\(path): not a VMCSINFO: expected \(VMCSInfo.forms), found \(why)"
  case .badSymbols(let path, let why): return "\(path): \(why)"
  case .badAddress(let guest, let address, let why): return "\(guest): GPA \(address): \(why)"
  case .noLog(let name, let why): return "\(name): its kernel log cannot be read: \(why)"
  case .severalDumps(let count), .input(.severalDumps(let count)):
    return "\(count) dumps were given that are no parts of one split set: one at a time"
  case .cannotCreate(let error): return error.description
  case .exists(let path): return "\(path): exists already; --force replaces it"
  case .outputIsInput(let path): return "\(path): this is the input; give another --output"
  case .otherInput(let path):
    return "\(path): this is of another input, or no manifest of this version; --force replaces it and its guests"
  case .directoryInUse(let path):
    return "\(path): another run of vmcs-split writes into this directory; wait for it, or give another --output"
  case .output(let text): return text
  case .cancelled: return "interrupted; nothing half-done is left behind"
  }
}
