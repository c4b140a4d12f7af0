import Foundation
import HostRecipes
import Testing

/// What the program says, and its exit status, where only the program itself says it.
@Suite struct ToolMessageTests {
  @Test func aFileThatIsNoVMCSINFOIsToldWhatOneLooksLike() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(Array("hello\n".utf8), as: "hello")
    let outcome = try BuiltTool().run(["list", "--vmcsinfo", path, "/dev/null"], in: directory)
    #expect(outcome.status == 64)
    #expect(
      outcome.messages
        == "vmcs-split: \(path): not a VMCSINFO: expected version 1 (text: REVISION_ID=HEX, then lines FIELD(NAME)=HEX), "
        + "version 2 (binary: 4 bytes of revision id, then 12 bytes a field), either with or without its ELF note, or "
        + "versions 3 to 5 (a directory: a file id, and a file for each field named by its encoding in 4 hexadecimal "
        + "digits), found no revision id\n")
  }

  @Test func aFileThatIsNoLayoutIsStillCalledSo() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(Array("hello\n".utf8), as: "hello")
    let outcome = try BuiltTool().run(["list", "--layout", path, "/dev/null"], in: directory)
    #expect(outcome.status == 64)
    #expect(outcome.messages.hasPrefix("vmcs-split: \(path): not a layout: "))
  }

  /// A run of the program on what is no file, mapped or not.
  private func expectNoFile(_ path: String, _ text: String, in directory: RecipeDirectory) throws {
    for options in [["list"], ["list", "--plain"], ["split", "--output", directory.path.path + "/out"]] {
      let outcome = try BuiltTool().run(options + [path], in: directory)
      #expect(outcome.status == 66, "\(options)")
      #expect(outcome.messages == "vmcs-split: \(path): open: \(text)\n", "\(options)")
    }
    #expect(!FileManager.default.fileExists(atPath: directory.path.path + "/out"))
  }

  @Test func aDirectoryIsNoDump() throws {
    let directory = try RecipeDirectory()
    try expectNoFile(directory.path.path, "Is a directory; name a file in it", in: directory)
  }

  @Test func aDirectoryIsNoLayoutEither() throws {
    let directory = try RecipeDirectory()
    let outcome = try BuiltTool().run(["list", "--layout", directory.path.path, "/dev/null"], in: directory)
    #expect(outcome.status == 66)
    #expect(outcome.messages == "vmcs-split: \(directory.path.path): open: Is a directory; name a file in it\n")
  }

  @Test func aFIFOWithoutAWriterIsNoDump() throws {
    let directory = try RecipeDirectory()
    let path = directory.path.appending(path: "fifo").path
    try #require(unsafe mkfifo(path, 0o600) == 0)
    let text = "Illegal seek; nothing comes through this pipe: give a file, or a pipe that someone writes a dump into"
    try expectNoFile(path, text, in: directory)
  }

  @Test func aCharacterDeviceIsNoDump() throws {
    let text = "Block device required; what is needed is a regular file or a block device"
    try expectNoFile("/dev/null", text, in: try RecipeDirectory())
  }

  /// `list` and `split` tell of the guest that is none by its own map, and of the others as ever.
  @Test func aGuestWhoseMapReachesItsOwnEvidenceIsNamedAndTheRunEndsWithOne() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(try HostRecipe(ForgedMapTests.recipe).build().kdump(.lzo), as: "host")
    for options in [["list"], ["split", "--output", directory.path.path + "/out"]] {
      let outcome = try BuiltTool().run(options + [path], in: directory)
      #expect(outcome.status == 1)
      let warning = "warning: the guest of VMCS 0x2000000 is not written: its own memory map reaches what proves it\n"
      #expect(outcome.messages.contains(warning), "\(outcome.messages)")
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path.path + "/out").sorted()
    #expect(names == ["guest-1.kdump", "manifest.json"])
  }

  /// Files of another kernel end with 65, what cannot be opened with 66; the right ones are told of under -v.
  @Test func symbolFilesAreNamedWithWhatTheyAre() throws {
    let directory = try RecipeDirectory()
    let host = try HostRecipe("host ram 24M symbols types\nguest a ram 0-2M nolinux").build()
    let other = try HostRecipe("host ram 24M kernel 7.3 symbols types\nguest a ram 0-2M nolinux").build()
    let dump = try directory.write(host.kdump(.lzo), as: "host")
    let right = try directory.write(try #require(host.vmlinux).bytes, as: "vmlinux")
    let wrong = try directory.write(try #require(other.vmlinux).bytes, as: "vmlinux-7.3")
    let module = try directory.write(try #require(host.moduleFile("kvm")).bytes, as: "kvm.ko")
    for (files, status, text) in [
      ([wrong], 65, "vmcs-split: \(wrong): the vmlinux of another kernel: found build id "),
      ([right, dump], 65, "vmcs-split: \(dump): a dump, which has no symbols; expected the vmlinux or a module"),
      ([right, right], 65, "vmcs-split: \(right): given twice; give it once\n"),
      (
        [directory.path.path + "/none"], 66,
        "vmcs-split: \(directory.path.path)/none: open: No such file or directory\n"
      ),
    ] {
      let outcome = try BuiltTool().run(["list", dump, "--symbols"] + files, in: directory)
      #expect(outcome.status == Int32(status) && outcome.messages.hasPrefix(text), "\(outcome.messages)")
    }
    let outcome = try BuiltTool().run(
      ["list", dump, "-v", "--symbols", right, module, "--threads", "1"], in: directory)
    #expect(outcome.status == 0 && !outcome.messages.contains("vmlinux"), "\(outcome.messages)")
  }
}
