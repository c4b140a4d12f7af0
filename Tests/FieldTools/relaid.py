"""A host dump as that of a processor with a VMCS layout of its own: the fields of every region move, all else stays.

Layouts are by chance, in three styles (segments as records, as arrays, every field anywhere) and three forms of access
rights, with counters, copies of fields, constants and addresses beside the fields; or those of the catalogue, moved. Owes
nothing to the program but its catalogue of layouts.
"""
import mmap
import os
import random
import shutil
import struct

PAGE = 4096
STYLES = ("records", "arrays", "scatter")
RIGHTS = ("plain", "rotated", "packed")
SEGMENTS = "ES CS SS DS LDTR TR FS GS".split()
PARTS = ("SELECTOR", "LIMIT", "BASE", "AR_BYTES")
REVISION, OWN_REVISION = 0x2B, 0x19


def is_rights(name):
    return name.endswith("_AR_BYTES")


class Layout:
    """Places of the fields of `fields` (name: (offset, width), in order of their encodings) by chance or by `known`."""

    def __init__(self, fields, style, rights, seed, noise, known=None, shift=0, revision=OWN_REVISION):
        self.fields, self.rights, self.seed, self.noise, self.revision = fields, rights, seed, noise, revision
        self.random = random.Random(seed)
        self.places = {}
        if known:
            # The first bytes of a region are the processor's own header.
            moved = {name: place["offset"] + (shift if place["offset"] >= 64 else 0)
                     for name, place in known.items() if name in fields}
            self.places = {name: offset for name, offset in moved.items() if 16 <= offset < PAGE - 16}
        else:
            self.choose(style)

    def width(self, name):
        return 2 if self.rights == "packed" and is_rights(name) else self.fields[name][1]

    def choose(self, style):
        free = [offset >= 16 for offset in range(PAGE)]

        def take(size, align):
            while True:
                offset = self.random.randrange(16 // align, (PAGE - 32 - size) // align) * align
                if all(free[offset:offset + size]):
                    free[offset:offset + size] = [False] * size
                    return offset

        def row(names, offset):
            for name in names:
                self.places[name] = offset
                offset += self.width(name)

        segments = self.random.sample(SEGMENTS, len(SEGMENTS))
        parts = self.random.sample(PARTS, len(PARTS))
        if style == "records":
            for segment in segments:
                names = [f"GUEST_{segment}_{part}" for part in parts]
                row(sorted(names, key=lambda name: -self.width(name)), take(32, 32))
        elif style == "arrays":
            for part in parts:
                names = [f"GUEST_{segment}_{part}" for segment in segments]
                width = self.width(names[0])
                row(names, take(8 * width, width))
        rest = [name for name in self.fields if name not in self.places]
        while rest:
            group = [rest.pop(0)]
            width = self.width(group[0])
            while (rest and style != "scatter" and len(group) < 4 and self.width(rest[0]) == width
                   and self.random.random() < 0.6):
                group.append(rest.pop(0))
            row(group, take(width * len(group), width))

    def stored(self, name, page):
        offset, width = self.fields[name]
        value = int.from_bytes(page[offset:offset + width], "little")
        if is_rights(name):
            rights = (value >> 8 | value << 24) & 0xFFFFFFFF  # Bochs 2.7 keeps them rotated by 8
            value = {"plain": rights, "rotated": value, "packed": rights & 0xF0FF | (rights >> 16 & 1) << 11}[self.rights]
        return value.to_bytes(8, "little")[:self.width(name)]

    def page(self, address, page):
        """A region of Bochs 2.7 as this processor has it."""
        places, own = random.Random(self.seed + 1), random.Random(self.seed * 1000003 + address)
        wide = [name for name, (_, width) in self.fields.items() if width == 8]
        moved = bytearray(PAGE)
        for _ in range(self.noise // 8):
            offset, kind = places.randrange(2, 511) * 8, places.randrange(4)
            copied, constant = places.choice(wide), places.getrandbits(16)
            value = (struct.pack("<Q", own.getrandbits(40)), self.stored(copied, page), struct.pack("<Q", constant),
                     struct.pack("<Q", 0xFFFF8000 << 32 | own.getrandbits(40)))[kind]
            moved[offset:offset + 8] = value
        moved[:16] = struct.pack("<QQ", self.revision, 0)
        for name, offset in self.places.items():
            moved[offset:offset + self.width(name)] = self.stored(name, page)
        return bytes(moved)


class Host:
    """A copy of an ELF dump in `directory` whose regions can be given other layouts, one after the other."""

    def __init__(self, source, directory, fields):
        self.path = os.path.join(directory, "vmcore.elf")
        shutil.copyfile(source, self.path)
        os.chmod(self.path, 0o600)
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.regions, self.headers = [], []
        start, count = struct.unpack_from("<Q", self.map, 32)[0], struct.unpack_from("<H", self.map, 56)[0]
        for index in range(count):
            kind, _, offset, _, physical, size = struct.unpack_from("<IIQQQQ", self.map, start + 56 * index)
            for at in range(offset + -physical % PAGE, offset + size - PAGE + 1, PAGE) if kind == 1 else ():
                if self.map[at:at + 8] == struct.pack("<Q", REVISION):
                    self.look(at, physical + at - offset, fields)

    def look(self, at, address, fields):
        page = self.map[at:at + PAGE]
        eptp, host_rip = (int.from_bytes(page[offset:offset + 8], "little")
                          for offset, _ in (fields["EPT_POINTER"], fields["HOST_RIP"]))
        if eptp & 0xF80 == 0 and eptp & 7 in (0, 6) and eptp >> 3 & 7 in (3, 4) and host_rip >> 47 == 0x1FFFF:
            self.regions.append((at, address, page))
        elif not any(page[8:]):
            self.headers.append(at)  # VMXON regions name the processor, too

    def lay(self, layout):
        for at, address, page in self.regions:
            self.map[at:at + PAGE] = layout.page(address, page)
        for at in self.headers:
            struct.pack_into("<I", self.map, at, layout.revision)
        self.map.flush()
