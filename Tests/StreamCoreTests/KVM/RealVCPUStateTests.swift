import Foundation
@testable import StreamCore
import Testing

/// Real hosts that describe themselves: what only types lead to, against `info registers` of the stopped guests.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealVCPUStateTests {
  private static let folder = KVMRealHost.folder ?? ""

  private func vcpus(_ host: String) throws -> [UInt64: Manifest.VCPU] {
    let inspection = try Inspection.run(
      path: "\(Self.folder)/\(host)/host.lzo.kdump", .init(.list, workers: Workers(count: 2)))
    let all = inspection.manifest().guests.flatMap(\.vcpus)
    return Dictionary(uniqueKeysWithValues: all.compactMap { vcpu in vcpu.vmcs.map { ($0.value, vcpu) } })
  }

  /// One vCPU's part of `info registers`, by name; digits of numbers that are printed in pieces are put together.
  private func truth(_ host: String, _ guest: String, cpu: Int) throws -> [String: String] {
    let path = "\(Self.folder)/\(host)/truth/\(guest)/registers.txt"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let parts = text.components(separatedBy: "CPU#")
    let part = try #require(parts.first { $0.prefix { $0.isNumber } == "\(cpu)" })
    var values: [String: String] = [:]
    for line in part.split(whereSeparator: \.isNewline) {
      var name = ""
      for word in line.split(separator: " ") {
        let pair = word.split(separator: "=", omittingEmptySubsequences: false)
        if pair.count == 2 { name = String(pair[0]) }
        if name.isEmpty { continue }
        values[name, default: ""] += pair[pair.count - 1]
      }
    }
    return values
  }

  @Test(
    arguments: [
      ("haswell", [("guest1", 0, 0x1cb3_a000), ("guest2", 0, 0x2a6_f000), ("guest2", 1, 0x1bdb_d000)]),
      ("new7", [("guest1", 0, 0x302_0000), ("guest2", 0, 0x2f5_4000), ("guest2", 1, 0x329_1000)]),
      ("nested", [("guest2", 0, 0x3fe9_c000)]),
    ] as [(String, [(String, Int, UInt64)])])
  func `debug registers and FPU of stopped vCPUs are the truth`(
    host: String, stopped: [(guest: String, cpu: Int, region: UInt64)]
  ) throws {
    let vcpus = try vcpus(host)
    for (guest, cpu, region) in stopped {
      let vcpu = try #require(vcpus[region])
      let truth = try truth(host, guest, cpu: cpu)
      for name in ["dr0", "dr1", "dr2", "dr3", "dr6", "dr7"] {
        let wanted = truth[name.uppercased()].flatMap { UInt64($0, radix: 16) }
        #expect(wanted != nil && vcpu.registers[name]?.value.value == wanted, "\(host) \(guest) \(name)")
        #expect(vcpu.registers[name]?.source == "kvm")
      }
      let fpu = try #require(vcpu.fpu)
      for (name, value) in [("FCW", fpu.fcw), ("FSW", fpu.fsw), ("FTW", fpu.ftw), ("MXCSR", fpu.mxcsr)] {
        let wanted = truth[name].flatMap { UInt64($0, radix: 16) }
        #expect(wanted != nil && value.value == wanted, "\(host) \(guest) \(name)")
      }
      for (index, value) in try #require(fpu.ymm).enumerated() {
        let name = (index < 10 ? "YMM0" : "YMM") + "\(index)"
        #expect(value == truth[name].map { "0x" + $0 }, "\(host) \(guest) \(name)")
      }
      #expect(vcpu.unknown == [] && vcpu.reasons == nil)
      #expect(vcpu.registers["xcr0"]?.value.value == 7 && vcpu.registers["xss"]?.value.value == 0)
    }
  }

  /// What Linux writes there: the entry of system calls in its image, its selectors, the number of the CPU.
  @Test(arguments: ["haswell", "new7"])
  func `the SYSCALL MSRs are a Linux kernel's`(host: String) throws {
    for vcpu in try vcpus(host).values {
      let values = vcpu.registers.mapValues(\.value.value)
      #expect(values["star"] == 0x23_0010_0000_0000 && values["fmask"] == 0x25_7fd5)
      #expect(values["tsc_aux"] == UInt64(vcpu.index))
      #expect(values["lstar"].map { $0 >> 31 == 0x1_ffff_ffff && $0 & 0xfff == 0x40 } == true)
      #expect(vcpu.registers["star"]?.source == "kvm")
    }
  }

  @Test func `the FPU of a guest that ran is in the CPU, and no loss`() throws {
    let running = try #require(vcpus("haswell")[0x1ca3_5000])
    #expect(running.fpu == nil && running.unknown == ["fpu"])
    #expect(running.reasons == ["fpu": "\(FPUReading.Fault.onCPU)"])
    // Registers that KVM alone writes are known all the same.
    #expect(running.registers["xcr0"]?.value.value == 7 && running.registers["dr6"]?.value.value == 0xffff_0ff0)
  }

  @Test func `of a kernel without types they are unknown`() throws {
    for vcpu in try vcpus("mini").values {
      #expect(vcpu.unknown == TypedVCPUState.all.map(\.rawValue).filter { $0 != "dr7" } + ["fpu"])
      #expect(Set(try #require(vcpu.reasons).keys) == Set(vcpu.unknown))
    }
  }
}
