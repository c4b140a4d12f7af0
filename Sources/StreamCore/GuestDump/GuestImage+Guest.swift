extension GuestImage {
  /// - Parameter codec: that the output names.
  init(of guest: Guest, codec: PageCodec) {
    let identity = guest.identity
    self.init(
      vcpus: guest.vcpus.map(\.registers), vmcoreinfo: identity?.vmcoreinfo.text,
      utsname: identity?.utsname ?? UTSName.placeholder, physBase: identity?.physBase ?? 0, known: guest.map.known,
      present: guest.map.present, codec: codec, directMapBase: identity?.directMap?.rawValue,
      kernelImage: identity?.image ?? [])
  }
}
