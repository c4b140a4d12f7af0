/// KVM's memory slots before 5.17: an array, the highest guest frame first, and the way from ids to places in it.
/// Source: include/linux/kvm_host.h of 4.18 and 5.10; Documentation/kvm.md §8.
public struct ArraySlots: Sendable {
  /// `KVM_MEM_SLOTS_NUM`.
  public static let count: UInt32 = 512
  /// `struct kvm_memory_slot`, bytes.
  static let slotSize: UInt64 = 88

  /// The array ends the structure and has as many elements as slots, since 5.7; before, 512 stand in its middle.
  let isFlexible: Bool

  var slots: UInt64 { isFlexible ? 1040 : 8 }
  var indices: UInt64 { isFlexible ? 8 : 8 + UInt64(ArraySlots.count) * ArraySlots.slotSize }
  /// `used_slots`, behind the last used slot's number.
  var used: UInt64 { indices + UInt64(ArraySlots.count) * 2 + 4 }
  var size: UInt64 { isFlexible ? 1040 : used + 4 }

  /// Bytes with so many slots.
  func length(_ count: Int) -> UInt64 { max(size, slots + UInt64(count) * ArraySlots.slotSize) }

  /// Writes one address space's slots and returns where the `struct kvm_memslots` stands.
  func build<Space: FrameSpace>(
    _ all: [KVMMemslots.Slot], addressSpace: UInt64, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let place = try space.allocate((length(all.count) + 4095) / 4096) << 12
    space.memory.store(0x56, at: place)
    for id in 0..<UInt64(ArraySlots.count) { space.memory.store(0xffff, at: place + indices + id * 2, width: 2) }
    for (index, slot) in all.sorted(by: { $0.gfn > $1.gfn }).enumerated() {
      let entry = place + slots + UInt64(index) * ArraySlots.slotSize
      space.memory.store(slot.gfn, at: entry)
      space.memory.store(slot.pages, at: entry + 8)
      space.memory.store(slot.hva, at: entry + 72)
      space.memory.store(UInt64(slot.id), at: entry + 84, width: 2)
      space.memory.store(addressSpace, at: entry + 86, width: 1)
      space.memory.store(UInt64(index), at: place + indices + UInt64(slot.id) * 2, width: 2)
    }
    space.memory.store(UInt64(all.count), at: place + used, width: 4)
    return place
  }
}
