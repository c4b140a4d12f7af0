"""What the real host dumps hold: guests by the address of their first vCPU's VMCS, with the pages that EPT maps."""

SAMPLE = {"0x113d000": ("guest1", 7305)}
DUMPS = {
    "haswell": {"0x1cb3a000": ("guest1", 9674), "0x2a6f000": ("guest2", 20938), "0x1ca35000": ("guest3", 10186)},
    "mini": {"0x113d000": ("guest1", 7305), "0x10d0000": ("guest2", 9727), "0xa34000": ("guest3", 7313)},
    "nested": {"0x38a34000": ("guest1", 53705), "0x3fe9c000": ("guest2", 7626)},
}
# Guests that did not run between the truth and the crash; the others' registers are older than the crash.
STOPPED = {("haswell", "guest1"), ("haswell", "guest2"), ("mini", "guest1"), ("mini", "guest2"), ("nested", "guest2")}
