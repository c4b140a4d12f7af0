"""Read a guest's node name by virtual address with drgn, giving drgn nothing but the file.

  python3 with_drgn.py DUMP    prints: VERSION SYSNAME NODENAME RELEASE
"""
import os
import sys

import drgn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dumpfile import open_dump

info = open_dump(sys.argv[1]).vmcoreinfo
program = drgn.Program()
program.set_core_dump(sys.argv[1])
address = int(info["SYMBOL(init_uts_ns)"], 16) + int(info["OFFSET(uts_namespace.name)"])
fields = [program.read(address + 65 * i, 65).split(b"\0")[0].decode() for i in range(3)]
print(getattr(drgn, "__version__", "?"), *fields)
