"""Copies one guest's memory out of a host dump through libkdumpfile, as a few lines of Python do it: the peer of
`vmcs-split split --guest`.

    ept_copy.py DUMP EPTP OUTPUT | --version

EPTP is the EPT pointer (hexadecimal); OUTPUT is raw memory by guest-physical address, sparse. Exit: 0, 69 the bindings
(Debian: python3-libkdumpfile) are not installed.
"""

import struct
import sys

try:
    from kdumpfile import KDUMP_MACHPHYSADDR, kdumpfile
except ImportError:
    print("libkdumpfile's Python bindings are not installed", file=sys.stderr)
    sys.exit(69)

ADDRESS = 0x000FFFFFFFFFF000


def leaves(dump, table, level, gpa):
    """Guest-physical address, host-physical address and size of each mapping below a table."""
    shift = 12 + 9 * (level - 1)
    entries = struct.unpack("<512Q", dump.read(KDUMP_MACHPHYSADDR, table, 4096))
    for index, entry in enumerate(entries):
        # Readable, and not KVM's misconfigured marker of emulated devices.
        if not entry & 1:
            continue
        place = gpa | index << shift
        if level == 1 or entry & 0x80:
            size = 1 << shift
            yield place, entry & ADDRESS & ~(size - 1), size
        else:
            yield from leaves(dump, entry & ADDRESS, level - 1, place)


def main():
    if sys.argv[1:] == ["--version"]:
        print("Python %d.%d.%d with libkdumpfile's bindings" % sys.version_info[:3])
        return
    path, pointer, output = sys.argv[1:]
    eptp = int(pointer, 16)
    pages = 0
    lost = 0
    with open(output, "wb") as out:
        dump = kdumpfile(path)
        for gpa, hpa, size in leaves(dump, eptp & ADDRESS, (eptp >> 3 & 7) + 1, 0):
            for offset in range(0, size, 4096):
                try:
                    page = dump.read(KDUMP_MACHPHYSADDR, hpa + offset, 4096)
                except Exception:  # Each kind of absence has a class of its own.
                    lost += 1
                    continue
                out.seek(gpa + offset)
                out.write(page)
                pages += 1
    print("%d pages written, %d not in the dump" % (pages, lost))


main()
