import Testing

@testable import StreamCore

/// What arguments, control groups, files and sockets say of a VM's name.
@Suite struct VMNameTests {
  @Test(
    arguments: [
      ("qemu -name web", "web"), ("qemu -name guest=web,debug-threads=on", "web"), ("qemu --name web", "web"),
      ("qemu -name web,debug-threads=on -m 64", "web"), ("qemu -name debug-threads=on,guest=web", "web"),
      ("qemu -name a,,b,debug-threads=on", "a,b"), ("qemu -name guest=a=b", "a=b"), ("qemu -name 1=2", "1=2"),
      ("qemu -name first -name second", "second"), ("qemu -append -name -name true", "true"),
      ("qemu -m 64 -name", nil), ("qemu -name process=p", nil), ("qemu disk.img", nil), ("-name web", nil),
      ("firecracker --id 4b1c --start-time-us 1", "4b1c"), ("firecracker --id=4b1c", "4b1c"),
      ("cloud-hypervisor --api-socket /run/ch/web.sock", "web"),
      ("cloud-hypervisor --api-socket path=/run/ch/web.example.sock", "web.example"),
      ("cloud-hypervisor --cmdline --id --api-socket /run/ch/web.sock", "web"),
      ("cloud-hypervisor --api-socket /run/ch/api.sock", nil), ("crosvm run --name web", "web"), ("", nil),
    ] as [(String, String?)])
  func `a name in the arguments of a VMM`(line: String, name: String?) {
    let arguments = VMMArguments(line.split(separator: " ").map(String.init))
    #expect(arguments.name?.text == name)
    #expect(arguments.name.map { $0.source == .arguments } ?? true)
  }

  @Test(
    arguments: [
      ("-uuid 6F1C2A30-0000-4000-8000-00000000abcd", "6f1c2a30-0000-4000-8000-00000000abcd"),
      (
        "-smbios type=1,manufacturer=x,uuid=6f1c2a30-0000-4000-8000-00000000abcd",
        "6f1c2a30-0000-4000-8000-00000000abcd"
      ),
      (
        "-smbios type=0,vendor=x -smbios type=1,uuid=6f1c2a30-0000-4000-8000-00000000abcd",
        "6f1c2a30-0000-4000-8000-00000000abcd"
      ),
      ("-uuid 6f1c2a30", nil), ("-uuid 6f1c2a30-0000-4000-8000-00000000abcg", nil), ("-uuid", nil),
    ] as [(String, String?)])
  func `a UUID in the arguments of a VMM`(line: String, uuid: String?) {
    #expect(VMMArguments(["qemu"] + line.split(separator: " ").map(String.init)).uuid == uuid)
  }

  @Test(
    arguments: [
      (#"/machine.slice/machine-qemu\x2d3\x2dweb.scope/libvirt/emulator"#, "web"),
      (#"/machine.slice/machine-qemu\x2d12\x2dweb\x2dfront.scope"#, "web-front"),
      (#"/machine.slice/machine-ch\x2d1\x2dweb.scope"#, "web"), ("/machine.slice/machine-fedora.scope", "fedora"),
      (#"/machine.slice/machine-a\xe2\x82\xac.scope"#, "a€"), (#"/machine.slice/machine-a\x2.scope"#, #"a\x2"#),
      ("/machine/qemu-3-web.libvirt-qemu/emulator", "web"), ("/qemu.slice/100.scope", "100"),
      ("/kubepods.slice/kubepods-pod1234.slice/cri-containerd-5678.scope", nil), ("/user.slice/100.scope", nil),
      ("/machine.slice/machine-.scope", nil), ("/", nil), ("", nil),
    ] as [(String, String?)])
  func `a name in a control group`(path: String, name: String?) {
    let found = CgroupScope.name(path)
    #expect(found?.text == name)
    #expect(found.map { $0.source == .cgroup } ?? true)
  }

  @Test(
    arguments: [
      (["/var/lib/libvirt/qemu/domain-3-web/monitor.sock"], [], "web"),
      ([], ["/lib/libvirt/qemu/domain-3-web-1/master-key.aes"], "web-1"),
      (["/a/domain-3-web/monitor.sock", "/a/domain-4-db/monitor.sock"], [], nil),
      (["/run/qmp.sock"], ["/log/libvirt/qemu/web.log"], "web"),
      (["/run/guest1.sock"], ["/guest1.serial", "/debian.qcow2"], "guest1"),
      (["/run/guest1.sock", "/run/other.sock"], ["/guest1.serial"], "guest1"),
      (["/run/guest1.sock", "/run/guest1.qmp"], [], "guest1"),
      (["/run/web.example.org.sock"], ["/web.example.org.log"], "web.example.org"),
      (["/run/web.sock"], [], "web"), (["/run/web.sock"], ["/disk.img"], "web"),
      (["/run/a.sock", "/run/b.sock"], [], nil), (["/run/a.sock", "/run/b.sock"], ["/a.log", "/b.log"], nil),
      (["/run/qmp.sock", "/run/Serial.sock"], ["/qmp.log"], nil), ([], ["/web.qcow2", "/web.log"], nil),
      (["/run/.sock"], [], nil), (["/run/web"], ["/log/web"], nil), (["/"], ["/"], nil), ([], [], nil),
    ] as [([String], [String], String?)])
  func `a name of sockets and files`(sockets: [String], files: [String], name: String?) {
    let found = FileStem.name(NamedFiles(sockets: sockets, files: files))
    #expect(found?.text == name)
    #expect(found.map { $0.source == .files } ?? true)
  }

  @Test func `a name is cut between characters, and what is empty is none`() {
    let long = String(repeating: "€", count: 100)
    #expect(VMName(long, .arguments, [])?.text == String(repeating: "€", count: 85))
    #expect(VMName("", .arguments, []) == nil && VMName(nil, .arguments, []) == nil)
  }
}
