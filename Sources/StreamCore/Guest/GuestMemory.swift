/// A guest's physical memory, seen through its EPT: table by table, on demand.
public struct GuestMemory: PhysicalMemory {
  private let host: any PhysicalMemory
  /// One a root, the one that counts where two disagree first.
  let walks: [EPTWalk]

  init(host: any PhysicalMemory, roots: [EPTPointer]) {
    self.host = host
    walks = roots.map { EPTWalk(memory: host, pointer: $0) }
  }

  /// The same memory, its tables read through `host`.
  func reading(from host: any PhysicalMemory) -> GuestMemory {
    GuestMemory(host: host, walks: walks.map { $0.reading(from: host) })
  }

  private init(host: any PhysicalMemory, walks: [EPTWalk]) {
    self.host = host
    self.walks = walks
  }

  /// The host frame behind a guest frame: the first root that maps it counts.
  func hostFrame(_ guestFrame: UInt64) -> UInt64? {
    for walk in walks {
      if let leaf = walk.translate(GPA(frame: guestFrame)) { return leaf.hostFrame }
    }
    return nil
  }

  public func page(_ frame: UInt64) -> PageResult {
    guard let hostFrame = hostFrame(frame) else { return .absent }
    return host.page(hostFrame)
  }
}
