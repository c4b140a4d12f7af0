import HostRecipes
import Testing

@testable import StreamCore

/// Real hosts with a layout of their own, listed: what vCPUs that ran have from their regions.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct InferredRealHostTests {
  private func inspect(
    _ host: String, _ file: String, _ regions: [UInt64], _ layout: RelaidLayout, _ directory: RecipeDirectory
  ) throws -> Inspection {
    let path = "\(KVMRealHost.folder ?? "")/\(host)/\(file)"
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    options.open = { (source) throws(HostDumpError) in
      do {
        let memory = HostMemory(try openHostDump(source))
        let pages = regions.map { address in
          let page = memory.page(address >> 12).page ?? .zero
          return (address, layout.page(VMCSRegion(address: HPA(rawValue: address), page: page, layout: layout.old)))
        }
        return try RelaidDump(source, pages: pages, directory)
      } catch let error as HostDumpError { throw error } catch {
        throw .unsupported(file: path, format: "\(error)", remedy: "")
      }
    }
    return try Inspection.run(path: path, options)
  }

  /// - Parameter known: registers that each vCPU has, whether or not it was stopped.
  @Test(
    arguments: [
      ("haswell", "host.lzo.kdump", RelaidLayout.Style.records, AccessRightsForm.packed16),
      ("haswell", "host-d31.lzo.kdump", .arrays, .rotated), ("haswell", "vmcore.elf", .scatter, .sdm32),
      ("new7", "host.lzo.kdump", .records, .sdm32), ("stalled", "host.lzo.kdump", .arrays, .packed16),
    ])
  func registersAreThoseOfTheTrueLayout(
    _ host: String, _ file: String, _ style: RelaidLayout.Style, _ rights: AccessRightsForm
  ) throws {
    let directory = try RecipeDirectory()
    let path = "\(KVMRealHost.folder ?? "")/\(host)/\(file)"
    let truth = try Inspection.run(path: path, .init(.list, workers: Workers(count: 2))).manifest()
    let regions = truth.guests.flatMap(\.vcpus).compactMap { $0.vmcs?.value }
    let layout = try RelaidLayout(style, rights, seed: 11)
    let manifest = try inspect(host, file, regions, layout, directory).manifest()
    try ManifestSchema.expect(manifest)
    #expect(manifest.guests.map(\.name) == truth.guests.map(\.name))
    var known = ["cr0", "cr4", "efer"]
    if host != "stalled" { known += ["rip", "rsp", "cr3"] }
    if host != "stalled", style != .scatter { known += ["cs", "ss", "gs", "tr"] }
    for (guest, twin) in zip(manifest.guests, truth.guests) {
      #expect(guest.pages.known == twin.pages.known)
      for (vcpu, same) in zip(guest.vcpus, twin.vcpus) {
        let what = "\(host) \(guest.name) vCPU \(vcpu.index)"
        for name in known { #expect(vcpu.registers[name] != nil, "\(what) \(name)") }
        for (name, entry) in vcpu.registers where name != "pat" {
          let other = same.registers[name]
          #expect(entry.value == other?.value && entry.base == other?.base, "\(what) \(name)")
          #expect(entry.limit == other?.limit && entry.accessRights == other?.accessRights, "\(what) \(name)")
        }
      }
    }
  }
}
