"""What the real host dumps hold: guests by the address of their first vCPU's VMCS or VMCB, with the pages that must come
out. Those of a host whose kernel tells memory slots are all pages of the guest's RAM and ROM, and so are those of mini, by
slots of a known shape."""

SAMPLE = {"0x2a05000": ("guest1", 8138)}
DUMPS = {
    "amd": {"0x2dad000": ("guest1", 16448), "0x2c10000": ("guest2", 24640), "0x326e000": ("guest3", 16448)},
    "haswell": {"0x1cb3a000": ("guest1", 16448), "0x2a6f000": ("guest2", 24640), "0x1ca35000": ("guest3", 16448)},
    "mini": {"0x113d000": ("guest1", 10304), "0x10d0000": ("guest2", 12352), "0xa34000": ("guest3", 10304)},
    "nested": {"0x38a34000": ("guest1", 81984), "0x3fe9c000": ("guest2", 12352)},
    "new7": {"0x3020000": ("guest1", 16448), "0x2f54000": ("guest2", 24640), "0x2c60000": ("guest3", 16448)},
    "stalled": {"0x2a05000": ("guest1", 12352), "0x1ca29000": ("guest2", 12352), "0x2652000": ("guest3", 12352)},
}
# Hosts whose guests must be whole.
WHOLE = {"amd", "haswell", "mini", "nested", "new7", "stalled"}
# Guests that did not run between the truth and the crash; the others' registers are older than the crash.
STOPPED = {("amd", "guest1"), ("amd", "guest2"), ("haswell", "guest1"), ("haswell", "guest2"), ("mini", "guest1"),
           ("mini", "guest2"), ("nested", "guest2"), ("new7", "guest1"), ("new7", "guest2")}
