/// A number as a kernel's structures hold it, with the path of members that it stands at.
struct Reading: Sendable, Equatable {
  var value: UInt64
  var source: String
}

extension KernelReader {
  /// `nil`: the types have no such member, or the dump not its bytes.
  func reading(_ place: ProcessPlaces.Place, at address: VirtualAddress) -> Reading? {
    guard case .success(let path) = place, let value = try? value(path, at: address) else { return nil }
    return Reading(value: value, source: path.text)
  }

  /// An address of a kernel object that a member holds; `nil` also for none.
  func object(_ place: ProcessPlaces.Place, at address: VirtualAddress) -> VirtualAddress? {
    guard let value = reading(place, at: address)?.value, kernel.isPointer(value) else { return nil }
    return VirtualAddress(rawValue: value)
  }
}
