extension VMIdentity {
  /// As the manifest has it.
  var entry: Manifest.VM {
    Manifest.VM(
      name: name?.text, nameSource: name?.source.rawValue, nameBy: name?.evidence, uuid: uuid, pid: pid, uid: uid,
      comm: comm, cgroup: cgroup, started: started, unknown: unknown)
  }
}

extension LinuxThread {
  var entry: Manifest.Thread { Manifest.Thread(tid: tid, comm: comm) }
}
