import Foundation
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Hosts that describe themselves: guests have their VMs' names, in the manifest and as files.
@Suite struct VMIdentityTests {
  private func recipe(_ kernel: String, _ process: String = "") -> String {
    """
    host ram 64M cpus 2 kernel \(kernel)
    guest web ram 0-2M nolinux \(process)
      uid 64055
      started 61234567890
      cgroup /machine.slice/machine-qemu%5cx2d3%5cx2dcg.scope/libvirt/emulator
      socket /run/sock1.sock
      file /log/sock1.log
      vcpu apic 1
      vcpu apic 0
    """
  }

  private static func withoutUserMemory() -> SplitRun.Options {
    var options = SplitRun.Options()
    options.input = { $0.kdump(.lzo, level: 31) }
    return options
  }

  /// `list` of a host: a dump without user memory cannot be split.
  private func manifest(_ host: BuiltHost, level: UInt32 = 1) throws -> Manifest {
    let directory = try RecipeDirectory()
    let path = try directory.write(host.kdump(.lzo, level: level), as: "host.dump")
    return try Inspection.run(path: path, Inspection.Options(.list, workers: Workers(count: 2))).manifest()
  }

  private func vm(_ recipe: String, level: UInt32 = 1) throws -> Manifest.VM {
    let manifest = try manifest(try HostRecipe(recipe).build(), level: level)
    return try #require(manifest.guests.first?.vm)
  }

  @Test(arguments: DescribedHostSplitTests.kernels)
  func everythingThatTheKernelKnowsOfAProcess(kernel: String) throws {
    let manifest = try manifest(try HostRecipe(recipe(kernel)).build())
    let guest = try #require(manifest.guests.first)
    let vm = try #require(guest.vm)
    #expect(guest.name == "web" && vm.name == "web" && vm.nameSource == "arguments")
    #expect(vm.pid == 300 && vm.comm == "qemu-system-x86" && vm.uid == 64055 && vm.started == 61_234_567_890)
    #expect(vm.cgroup == #"/machine.slice/machine-qemu\x2d3\x2dcg.scope/libvirt/emulator"#)
    #expect(vm.uuid == nil && vm.unknown.keys.sorted() == ["uuid"], "\(vm.unknown)")
    // vCPUs stand in the order of their APIC ids, threads in the order of creation.
    #expect(guest.vcpus.map { $0.thread?.tid } == [304, 303])
    #expect(guest.vcpus.map { $0.thread?.comm } == ["CPU 1/KVM", "CPU 0/KVM"])
    #expect(vm.nameBy == ["-name"])
  }

  @Test(arguments: DescribedHostSplitTests.kernels)
  func withoutArgumentsTheControlGroupAndThenTheFilesNameTheVM(kernel: String) throws {
    let group = try vm(recipe(kernel), level: 31)
    #expect(group.name == "cg" && group.nameSource == "cgroup")
    #expect(group.unknown["uuid"]?.hasPrefix("its arguments are not known: the dump does not hold") == true)
    let files = try vm(recipe(kernel, "unnamed").replacing("machine-", with: "other-"))
    #expect(files.name == "sock1" && files.nameSource == "files")
    let text = recipe(kernel, "unnamed").replacing("machine-", with: "other-").replacing("sock1.sock", with: "qmp.sock")
    let process = try vm(text)
    #expect(process.name == "qemu-system-x86-300" && process.nameSource == "process")
  }

  @Test(arguments: [("firecracker", "fc_vcpu 0"), ("cloud-hypervisor", "vcpu0")])
  func otherVMMsNameTheirVMs(program: String, thread: String) throws {
    let host = try HostRecipe(
      """
      host ram 64M symbols types
      guest a ram 0-2M nolinux process \(program) as web-7
      """
    ).build()
    let guest = try #require(try manifest(host).guests.first)
    #expect(
      guest.name == "web-7" && guest.vm?.nameSource == "arguments" && guest.vm?.comm == String(program.prefix(15)))
    #expect(guest.vcpus.first?.thread == Manifest.Thread(tid: 303, comm: thread))
  }

  /// Files are named so, and each has its guest.
  @Test func filesHaveTheNamesOfTheirVMs() throws {
    let run = try SplitRun(
      """
      host ram 64M symbols types
      guest a ram 0-4M linux 6.1.0-a as web
      guest b ram 0-4M linux 6.1.0-b as db.example
      guest c ram 0-4M linux 6.1.0-c unnamed
      """)
    #expect(try run.files().keys.sorted() == ["db.example.kdump", "qemu-system-x86-340.kdump", "web.kdump"])
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.exitStatus == .complete)
  }

  /// Slashes, dots, NUL, line feeds, escapes, right-to-left marks, broken UTF-8, 100 KB.
  @Test(
    arguments: [
      ("../../etc/passwd", "_._.._etc_passwd"), ("a%00b", "a"), ("a%0ab", "a_b"), ("%1b[31mred", "__31mred"),
      ("%e2%80%aeb", "_b"), ("%ff%feb", "__b"), ("a,b", "a_b"), ("a=b", "a_b"),
      ("x*100000", String(repeating: "x", count: 100)),
      ("..", "guest-1"), ("manifest", "guest-1"), ("guest-2", "guest-1"), (".b", "_b"), ("%c2%9b1mb", "_1mb"),
    ])
  func hostileNamesAreLabels(name: String, file: String) throws {
    let run = try SplitRun("host ram 64M symbols types\nguest a ram 0-4M linux 6.1.0-a as \(name)")
    #expect(run.manifest.guests.map(\.name) == [file])
    #expect(try run.files().keys.sorted() == ["\(file).kdump"])
    try run.expectExact(run.host.guests[0])
    let text = String(decoding: try run.manifest.json(), as: UTF8.self)
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || HostileText.escaped(String($0)) == String($0) })
    #expect(run.manifest.guests[0].vm?.name.map { $0.utf8.count <= VMName.limit } == true)
  }

  /// A name that is another's, as a file's or whole, is nobody's.
  @Test func twoVMsOfOneNameAreNumbered() throws {
    for names in [("web", "web"), ("web", "WEB"), ("a/b", "a_b"), ("guest-2", "guest-1")] {
      let run = try SplitRun(
        """
        host ram 64M symbols types
        guest a ram 0-2M nolinux as \(names.0)
          vcpu vmcs 0x2000000
        guest b ram 0-2M nolinux as \(names.1)
          vcpu vmcs 0x2400000
        """)
      #expect(run.manifest.guests.map(\.name) == ["guest-1", "guest-2"])
      #expect(run.manifest.guests.map(\.vm?.name) == [names.0, names.1])
      for guest in run.host.liveGuests {
        #expect(try run.entry(guest).output?.file == "\(try run.entry(guest).name).kdump")
      }
    }
  }

  @Test(arguments: ["6.1", "7.3", "5.14"])
  func twoVMsOfOneVMM(kernel: String) throws {
    let run = try SplitRun(
      """
      host ram 64M kernel \(kernel) symbols types
      guest a ram 0-4M linux 6.1.0-a as web
        vcpu vmcs 0x2000000
      guest b ram 0-4M linux 6.1.0-b of a
        vcpu vmcs 0x2400000
      """)
    #expect(run.manifest.guests.map(\.name) == ["guest-1", "guest-2"])
    #expect(run.manifest.guests.map(\.vm?.pid) == [300, 300])
    #expect(run.manifest.guests.map(\.vm?.name) == ["web", "web"])
    #expect(run.manifest.guests.map { $0.vcpus[0].thread?.tid } == [303, 323])
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.exitStatus == .complete, "\(run.manifest.warnings)")
  }

  @Test func aGuestIsChosenByNumberNamePIDOrUUID() throws {
    let uuid = "6f1c2a30-0000-4000-8000-00000000abcd"
    let host = try HostRecipe(
      """
      host ram 64M symbols types
      guest a ram 0-2M nolinux as web%20front
        argument -uuid
        argument \(uuid)
        vcpu vmcs 0x2000000
      guest b ram 0-2M nolinux as 300
        vcpu vmcs 0x2400000
      """
    ).build()
    let inspection = try SplitRun(host).inspection
    #expect(inspection.guests.map(\.name) == ["web_front", "300"])
    for wanted in ["1", "guest-1", "web front", "web_front", uuid, uuid.uppercased()] {
      #expect(try inspection.guest(named: wanted).id == 1, "\(wanted)")
    }
    for wanted in ["2", "guest-2", "320"] { #expect(try inspection.guest(named: wanted).id == 2, "\(wanted)") }
    #expect(throws: Failure.ambiguousGuest(wanted: "300", meant: ["1 (web_front, PID 300)", "2 (300, PID 320)"])) {
      try inspection.guest(named: "300")
    }
    #expect(throws: Failure.noSuchGuest(wanted: "web", known: ["web_front", "300"])) {
      try inspection.guest(named: "web")
    }
  }

  /// What is lost is said, and the rest is told.
  @Test func ofALostProcessWhatThereIs() throws {
    let host = try HostRecipe(recipe("6.1 symbols types")).build()
    let owner = try #require(host.structures("task_struct", of: "web").first)
    // Found among the threads, whose group and user are the process'.
    let torn = try #require(try manifest(host.overwriting(owner, with: 0xff)).guests.first?.vm)
    #expect(torn.pid == 300 && torn.uid == 64055 && torn.name == "web" && torn.cgroup?.hasPrefix("/machine") == true)
    #expect(torn.comm == nil && torn.started == nil)
    #expect(torn.unknown.keys.sorted() == ["comm", "started", "uuid"], "\(torn.unknown)")
    let memory = try #require(host.structures("mm_struct", of: "web").first)
    let lost = try #require(try manifest(host.overwriting(memory, with: 0xff)).guests.first?.vm)
    #expect(lost.pid == 300 && lost.comm == "qemu-system-x86" && lost.name == "cg")
  }
}

extension Manifest.Thread: Equatable {
  public static func == (a: Self, b: Self) -> Bool { a.tid == b.tid && a.comm == b.comm }
}
