/// Where the sections of a loaded module stand, as the kernel keeps it for sysfs.
/// Source: kernel/module/sysfs.c, struct module_sect_attrs; Documentation/kvm.md §10.
struct ModuleSections: Sendable, Equatable {
  /// Sections of one module at most; kvm has 50.
  private static let limit = 512
  private static let nameLimit = 64

  let places: [String: VirtualAddress]

  /// - Parameter module: a `struct module`.
  init(of module: VirtualAddress, _ reader: KernelReader) throws(KernelFault) {
    let types = reader.types
    let table = try reader.pointer("module.sect_attrs", at: module)
    let isOld = types.has("module_sect_attr.address")
    let entry = isOld ? "module_sect_attr" : "bin_attribute"
    // Since 5.8 `battr`.
    let names = isOld ? ["battr.attr.name", "mattr.attr.name"] : ["attr.name"]
    let name: ResolvedPath
    let address: ResolvedPath
    let attributes: KernelMember
    do throws(TypeFault) {
      attributes = try types.member("module_sect_attrs.attrs")
      name = try types.path(entry + "." + (names.first { types.has(entry + "." + $0) } ?? names[0]))
      address = try types.path(entry + (isOld ? ".address" : ".private"))
    } catch { throw .type(error) }
    let count =
      types.has("module_sect_attrs.nsections")
      ? Int(clamping: try reader.value("module_sect_attrs.nsections", at: table)) : Self.limit
    let size = UInt64(attributes.elementSize ?? 0)
    var places: [String: VirtualAddress] = [:]
    for index in 0..<min(count, Self.limit) {
      let place = table &+ UInt64(attributes.offset) &+ UInt64(index) &* size
      // Without a number the table ends where no name is.
      guard let pointer = try? reader.pointer(name, at: place), pointer.rawValue != 0,
        let text = try? reader.text(at: pointer, limit: Self.nameLimit), !text.isEmpty,
        let value = try? reader.pointer(address, at: place)
      else { break }
      places[text] = value
    }
    self.places = places
  }
}
