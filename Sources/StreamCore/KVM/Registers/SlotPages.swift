/// A guest's memory by its slots and the page tables of its VMM: pages of a guest_memfd, and what is swapped or not in the
/// dump, are not known.
struct SlotPages: GuestPages {
  let memory: VMMemory
  let host: any PhysicalMemory

  func has(_ frame: UInt64) -> Bool { slot(frame) != nil }

  func look(_ frame: UInt64) -> GuestPage {
    guard let slot = slot(frame) else { return memory.isWhole ? .none : .unknown }
    guard !slot.hasOwnFile, let hostFrame = memory.pages.frame(slot.page(frame)),
      let page = host.page(hostFrame).page
    else { return .unknown }
    return .page(page)
  }

  private func slot(_ frame: UInt64) -> MemorySlot? { memory.slots.first { $0.frames.contains(frame) } }
}
