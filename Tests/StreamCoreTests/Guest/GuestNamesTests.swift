import HostModel
import Testing

@testable import StreamCore

/// Names for guests and files, out of what tenants call their VMs.
@Suite struct GuestNamesTests {
  @Test(
    arguments: [
      (["web", "db"], ["web", "db"]), ([nil, "db"], ["guest-1", "db"]),
      (["web", "web"], ["guest-1", "guest-2"]), (["web", "WEB", "db"], ["guest-1", "guest-2", "db"]),
      (["a/b", "a_b"], ["guest-1", "guest-2"]), (["../../etc/passwd"], ["_._.._etc_passwd"]),
      (["..", "."], ["guest-1", "guest-2"]), (["-rf", ".ssh"], ["_rf", "_ssh"]),
      (["a\u{0}b", "c\nd", "\u{1b}[31mred"], ["a_b", "c_d", "__31mred"]), (["日本語", "Ünï"], ["guest-1", "_n_"]),
      (["guest-2", "x"], ["guest-1", "x"]), (["x", "Guest-1"], ["x", "guest-2"]),
      (["guest-1", "x"], ["guest-1", "x"]),
      (["guest-9"], ["guest-1"]), (["guest-web"], ["guest-web"]), (["manifest", "Manifest"], ["guest-1", "guest-2"]),
      (["manifest"], ["guest-1"]), ([""], ["guest-1"]), (["a\u{202e}b"], ["a_b"]),
    ] as [([String?], [String])])
  func `a file's name is plain, and no other's`(labels: [String?], names: [String]) {
    #expect(GuestNames.choose(labels) == names)
  }

  @Test func `a long name is cut, and two that are the same then are none`() {
    let long = String(repeating: "a", count: 100_000)
    #expect(GuestNames.choose([long]) == [String(repeating: "a", count: GuestNames.limit)])
    #expect(GuestNames.choose([long, long + "b"]) == ["guest-1", "guest-2"])
  }

  /// Whatever names tenants choose: each file is one guest's, and has a name that every file system takes.
  @Test func `no names lead to one file`() {
    let parts = ["guest-", "1", "2", "3", "a", "A", "/", ".", "-", "_", "\u{0}", "\n", "é", "manifest", ""]
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8)
    var random = SplitMix64(seed: 11)
    for _ in 0..<2000 {
      let labels = (0..<4).map { _ in
        random.below(4) == 0
          ? nil : (0..<random.below(5)).map { _ in parts[Int(random.below(UInt64(parts.count)))] }.joined()
      }
      let names = GuestNames.choose(labels)
      #expect(Set(names.map { $0.lowercased() }).count == 4, "\(labels)")
      for (index, name) in names.enumerated() {
        let plain = name.utf8.allSatisfy { allowed.contains($0) }
        #expect(plain && !name.hasPrefix(".") && !name.hasPrefix("-"), "\(labels)")
        #expect(!name.isEmpty && name.utf8.count <= GuestNames.limit && name.lowercased() != "manifest")
        let others = (1...9).filter { $0 != index + 1 }.map(GuestNames.number)
        #expect(!others.contains(name.lowercased()), "\(labels)")
      }
    }
  }
}
