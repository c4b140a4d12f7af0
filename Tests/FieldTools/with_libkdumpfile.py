"""Read every page of a dump with libkdumpfile and hold it against our own reader of the same file.

  python3 with_libkdumpfile.py DUMP    prints: ARCH PAGES
Exits 1 when libkdumpfile sees another set of pages, or other bytes.
"""
import os
import sys

import kdumpfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumpfile import PAGE, open_dump


def frames(bitmap):
    """The frames that are set in a page map, run by run."""
    end = 0
    while True:
        try:
            start = bitmap.find_set(end)
        except kdumpfile.exceptions.NoDataException:
            return
        # libkdumpfile 0.5.1 gives an index at or below `start` for some ELF files.
        end = max(bitmap.find_clear(start), start + 1)
        yield from range(start, end)


dump, library = open_dump(sys.argv[1]), kdumpfile.kdumpfile(sys.argv[1])
seen = set(frames(library.attr["file.pagemap"]))
if seen != set(dump.frames):
    odd = seen ^ set(dump.frames)
    sys.exit(f"{len(seen)} pages, {len(dump.frames)} expected; the first odd one is {min(odd) * PAGE:#x}")
for pfn in sorted(seen):
    if library.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE) != dump.page(pfn):
        sys.exit(f"another page at {pfn * PAGE:#x}")
print(library.attr["arch.name"], len(seen))
