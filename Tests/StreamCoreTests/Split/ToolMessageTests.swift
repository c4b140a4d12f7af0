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
}
