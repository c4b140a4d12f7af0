extension VMIdentity {
  /// As the manifest has it.
  var entry: Manifest.VM {
    Manifest.VM(
      name: name?.text, nameSource: name?.source.rawValue, uuid: uuid, pid: pid, uid: uid, comm: comm, cgroup: cgroup,
      started: started, unknown: unknown)
  }

  /// Who says what the VM is called, in one line.
  var nameLine: String? { name.map { "VM called \"\(HostileText.escaped($0.text))\" \($0.evidence)" } }
}

extension LinuxThread {
  var entry: Manifest.Thread { Manifest.Thread(tid: tid, comm: comm) }
}
