"""Read kdump-compressed and ELF64 dumps, for tests: plain, whole-file, owing nothing to the program under test.

Standard library, and the codec libraries through ctypes. Formats: makedumpfile's IMPLEMENTATION and diskdump_mod.h,
elf(5), Linux's struct elf_prstatus, QEMU's target/i386/arch_dump.c.
"""
import ctypes
import ctypes.util
import mmap
import struct
import zlib

PAGE = 4096
ZERO = bytes(PAGE)
CODECS = {0: "raw", 0x1: "zlib", 0x2: "lzo", 0x4: "snappy", 0x20: "zstd"}

# Registers in the order of elf_prstatus.pr_reg and of QEMUCPUState.
PRSTATUS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs rflags rsp ss fs_base gs_base"
            " ds es fs gs").split()
QEMU_GENERAL = "rax rbx rcx rdx rsi rdi rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags".split()
QEMU_SEGMENTS = "cs ds es fs gs ss ldt tr gdt idt".split()


class DumpError(Exception):
    pass


class Decoder:
    """One output buffer and the libraries, loaded at first use."""

    def __init__(self):
        self.room = ctypes.create_string_buffer(PAGE)
        self.libraries = {}

    def library(self, name):
        if name not in self.libraries:
            path = ctypes.util.find_library(name)
            if not path:
                raise DumpError(f"lib{name} is missing: ./run setup test")
            self.libraries[name] = ctypes.CDLL(path)
        return self.libraries[name]

    def decode(self, stored, flags):
        if flags == 0:
            page = stored
        elif flags == 0x1:
            page = zlib.decompress(stored)
        else:
            length = ctypes.c_size_t(PAGE)
            size = ctypes.c_size_t(len(stored))
            if flags == 0x2:
                failed = self.library("lzo2").lzo1x_decompress_safe(stored, size, self.room, ctypes.byref(length), None)
            elif flags == 0x4:
                failed = self.library("snappy").snappy_uncompress(stored, size, self.room, ctypes.byref(length))
            elif flags == 0x20:
                decompress = self.library("zstd").ZSTD_decompress
                decompress.restype = ctypes.c_size_t
                length.value = decompress(self.room, length, stored, size)
                failed = length.value > PAGE
            else:
                raise DumpError(f"page flags {flags:#x}")
            if failed:
                raise DumpError(f"damaged {CODECS[flags]} stream")
            page = self.room.raw[: length.value]
        if len(page) != PAGE:
            raise DumpError(f"a page of {len(page)} bytes")
        return page


def notes_of(area):
    """(name, type, descriptor) of each ELF note in `area`."""
    found, at = [], 0
    while at + 12 <= len(area):
        name_size, size, kind = struct.unpack_from("<III", area, at)
        start = at + 12 + (name_size + 3 & ~3)
        end = start + size
        if end > len(area):
            raise DumpError(f"note at byte {at} of {len(area)} runs past the end")
        found.append((area[at + 12 : at + 12 + name_size].split(b"\0")[0].decode(), kind, area[start:end]))
        at = end + 3 & ~3
    return found


class Dump:
    """What both formats give: `frames` by page frame number, `notes`, `vmcoreinfo` by key."""

    codecs = ()
    uts = None

    def use_notes(self, area):
        self.notes = notes_of(area)
        text = next((desc for name, _, desc in self.notes if name == "VMCOREINFO"), b"").decode("ascii", "replace")
        self.vmcoreinfo = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def cpus(self):
        """(NT_PRSTATUS, QEMU note) of each vCPU, as dictionaries; the two lists must be of one length."""
        status = [desc for name, kind, desc in self.notes if name == "CORE" and kind == 1]
        qemu = [desc for name, _, desc in self.notes if name == "QEMU"]
        if len(status) != len(qemu):
            raise DumpError(f"{len(status)} NT_PRSTATUS notes, {len(qemu)} QEMU notes")
        return [(prstatus(one), qemu_state(other)) for one, other in zip(status, qemu)]


class Kdump(Dump):
    format = "kdump"

    def __init__(self, data):
        self.data = data
        version, = struct.unpack_from("<i", data, 8)
        self.status, block, sub, blocks = struct.unpack_from("<IiiI", data, 424)
        if version != 6 or block != PAGE:
            raise DumpError(f"header version {version}, block size {block}: this reader knows 6 and {PAGE}")
        fields = [data[12 + 65 * i : 77 + 65 * i].split(b"\0")[0].decode("latin1") for i in range(6)]
        self.uts = dict(zip("sysname nodename release version machine domainname".split(), fields))
        self.dump_level, = struct.unpack_from("<i", data, PAGE + 8)
        vmcoreinfo = struct.unpack_from("<QQ", data, PAGE + 32)
        offset, size = struct.unpack_from("<QQ", data, PAGE + 48)
        self.use_notes(data[offset : offset + size])
        in_notes = next((desc for name, _, desc in self.notes if name == "VMCOREINFO"), b"")
        if data[vmcoreinfo[0] : sum(vmcoreinfo)] != in_notes:
            raise DumpError("offset_vmcoreinfo and the VMCOREINFO note give different text")
        self.max_mapnr, = struct.unpack_from("<Q", data, PAGE + 96)
        half = blocks // 2 * PAGE
        bitmap = (1 + sub) * PAGE
        self.known = data[bitmap : bitmap + half]
        stored = data[bitmap + half : bitmap + 2 * half]
        table = bitmap + 2 * half
        self.frames, codecs = {}, set()
        for byte, bits in enumerate(stored):
            while bits:
                pfn = byte * 8 + (bits & -bits).bit_length() - 1
                bits &= bits - 1
                offset, size, flags, _ = struct.unpack_from("<qIIQ", data, table)
                table += 24
                if size > PAGE or offset + size > len(data):
                    raise DumpError(f"page frame {pfn:#x}: {size} bytes at {offset:#x}")
                codecs.add(CODECS.get(flags, hex(flags)))
                self.frames[pfn] = offset, size, flags
        self.codecs = tuple(sorted(codecs - {"raw"})) or ("raw",)
        self.decoder = Decoder()
        self.last = (None, None)

    def page(self, pfn):
        # Zero pages share one descriptor: the last one decoded is remembered.
        place = self.frames[pfn]
        if self.last[0] != place:
            offset, size, flags = place
            try:
                self.last = place, self.decoder.decode(self.data[offset : offset + size], flags)
            except (DumpError, zlib.error) as error:
                raise DumpError(f"page frame {pfn:#x}: {error}") from None
        return self.last[1]


class Elf(Dump):
    format = "elf"

    def __init__(self, data):
        self.data = data
        kind, = struct.unpack_from("<H", data, 16)
        phoff, shoff = struct.unpack_from("<QQ", data, 32)
        count, = struct.unpack_from("<H", data, 56)
        if kind != 4 or data[4] != 2:
            raise DumpError("not an ELF64 core")
        if count == 0xFFFF:
            count, = struct.unpack_from("<I", data, shoff + 44)
        notes, self.loads, self.frames = b"", [], {}
        for i in range(count):
            kind, _, offset, virtual, physical, in_file, _, _ = struct.unpack_from("<IIQQQQQQ", data, phoff + 56 * i)
            if kind == 4:
                notes += data[offset : offset + in_file]
            elif kind == 1 and physical != 0xFFFF_FFFF_FFFF_FFFF:
                self.loads.append((physical, in_file, virtual))
                for at in range(0, in_file - PAGE + 1, PAGE):
                    self.frames.setdefault((physical + at) // PAGE, offset + at)
        self.use_notes(notes)
        self.max_mapnr = max(self.frames, default=-1) + 1

    def page(self, pfn):
        return self.data[self.frames[pfn] : self.frames[pfn] + PAGE]


def open_dump(path):
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        if data[:8] == b"KDUMP   ":
            return Kdump(data)
        if data[:4] == b"\x7fELF":
            return Elf(data)
    except (DumpError, struct.error) as error:
        raise DumpError(f"{path}: {error}") from None
    raise DumpError(f"{path}: neither kdump-compressed nor ELF")


def prstatus(desc):
    """One NT_PRSTATUS: pr_pid at 32, pr_reg at 112."""
    if len(desc) != 336:
        raise DumpError(f"NT_PRSTATUS of {len(desc)} bytes")
    return dict(zip(PRSTATUS, struct.unpack_from("<27Q", desc, 112)), pid=struct.unpack_from("<i", desc, 32)[0])


def qemu_state(desc):
    """One QEMUCPUState of version 1, 440 bytes; segments are dictionaries."""
    version, size = struct.unpack_from("<II", desc)
    if (version, size, len(desc)) != (1, 440, 440):
        raise DumpError(f"QEMU note of version {version}, size {size}, {len(desc)} bytes")
    state = dict(zip(QEMU_GENERAL, struct.unpack_from("<18Q", desc, 8)))
    for i, name in enumerate(QEMU_SEGMENTS):
        values = struct.unpack_from("<IIIIQ", desc, 152 + 24 * i)
        state[name] = dict(zip(("selector", "limit", "flags", "pad", "base"), values))
    state.update(zip(("cr0", "cr1", "cr2", "cr3", "cr4", "kernel_gs_base"), struct.unpack_from("<6Q", desc, 392)))
    return state
