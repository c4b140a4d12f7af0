"""One run of the program in surroundings that fail, and what must hold of it whatever happens.

It ends by itself, with a status that the design's table has; a failure says so in one line; and in the output directory
stand whole files only, those that the undisturbed run made.
"""
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

HIDDEN = re.compile(r"\.vmcs-split-\d+-\d+\.tmp")
DOCUMENTED = (0, 1, 64, 65, 66, 69, 73, 74)
# Only so that a run that hangs does not hang the tests: nothing is decided by how fast a run is.
PATIENCE = 120


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def split_set(dump, count):
    """The parts of a kdump-compressed file of header version 6, as `makedumpfile --split` writes them: the headers and bitmaps
    of the whole, and descriptors and pages of a range of frames. Source: Documentation/kdump-compressed.md §2, §3, §4."""
    blocks, bitmap_blocks = struct.unpack_from("<ii", dump, 432)
    bitmaps, length = 4096 * (1 + blocks), bitmap_blocks * 2048
    table = bitmaps + 2 * length
    second = dump[bitmaps + length:table]
    frames = [8 * at + bit for at, byte in enumerate(second) if byte for bit in range(8) if byte >> bit & 1]
    end, parts = struct.unpack_from("<Q", dump, 4096 + 96)[0], []
    for number in range(count):
        first, last = number * len(frames) // count, (number + 1) * len(frames) // count
        start = 0 if number == 0 else frames[first]
        stop = end if number == count - 1 else frames[last]
        head = bytearray(dump[:table])
        struct.pack_into("<I", head, 4096 + 12, 1)
        struct.pack_into("<QQ", head, 4096 + 16, start, stop)
        struct.pack_into("<QQ", head, 4096 + 80, start, stop)
        place, places, descriptors, pages = table + 24 * (last - first), {}, [], []
        for index in range(first, last):
            offset, size, flags, page_flags = struct.unpack_from("<QIIQ", dump, table + 24 * index)
            # Zero pages share one.
            if offset not in places:
                places[offset] = place
                pages.append(dump[offset:offset + size])
                place += size
            descriptors.append(struct.pack("<QIIQ", places[offset], size, flags, page_flags))
        parts.append(b"".join([bytes(head), *descriptors, *pages]))
    return parts


class Outcome:
    """How a run ended: `status` as a shell has it, and its lines on standard error."""

    def __init__(self, status, errors, hung):
        self.status = status if status >= 0 else 128 - status
        # What is missing of the sample is told in any case.
        self.lines = [line for line in errors.decode(errors="replace").splitlines()
                      if not line.startswith("vmcs-split: incomplete: ")]
        self.hung = hung


class Trial:
    """The program, a dump, and a place to try the two in."""

    def __init__(self, program, dump):
        self.program = os.path.abspath(program)
        self.dump = os.path.abspath(dump)
        self.place = tempfile.mkdtemp(prefix="vmcs-split-surroundings-")
        self.output = os.path.join(self.place, "out")
        self.reference = os.path.join(self.place, "reference")
        self.failures = 0
        self.runs = 0
        outcome = self.run(self.split(self.reference))
        if outcome.status not in (0, 1):
            sys.exit(f"{self.dump} cannot be split here: {outcome.status} {outcome.lines}")
        self.healthy = outcome.status
        self.whole = {name: digest(os.path.join(self.reference, name)) for name in os.listdir(self.reference)
                      if name != "manifest.json"}

    def close(self):
        shutil.rmtree(self.place, ignore_errors=True)

    def split(self, output=None, *options):
        return [self.program, "split", "-q", self.dump, "--output", output or self.output, *options]

    def list(self, *options):
        return [self.program, "list", "-q", self.dump, *options]

    def run(self, command, before=None, during=None, **options):
        """Runs a command to its end. `before` runs in the child, `during` is called with the process."""
        self.runs += 1
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=before, **options)
        if during:
            during(process)
        try:
            _, errors = process.communicate(timeout=PATIENCE)
            hung = False
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            hung = True
        return Outcome(process.returncode, errors, hung)

    def fresh(self, force=False):
        """An empty output directory; with `force` one that holds an earlier run's outputs."""
        shutil.rmtree(self.output, ignore_errors=True)
        if force:
            shutil.copytree(self.reference, self.output)

    def fail(self, what, why):
        self.failures += 1
        print(f"{what}: {why}", flush=True)

    def check(self, what, outcome, ended_by=(), leaves_names=True):
        """`ended_by`: signals that were sent; SIGKILL lets nothing be said."""
        if outcome.hung:
            return self.fail(what, f"did not end within {PATIENCE} seconds (time-out)")
        signals = [128 + number for number in ended_by]
        if outcome.status not in DOCUMENTED and outcome.status not in signals:
            self.fail(what, f"exit {outcome.status}: {outcome.lines[-3:]}")
        elif outcome.status in signals:
            if outcome.status != 128 + signal.SIGKILL and len(outcome.lines) > 1:
                self.fail(what, f"exit {outcome.status} with {len(outcome.lines)} lines: {outcome.lines[:3]}")
        elif outcome.status not in (0, 1) and len(outcome.lines) != 1:
            self.fail(what, f"exit {outcome.status} with {len(outcome.lines)} lines: {outcome.lines[:3]}")
        return None

    def check_output(self, what, outcome=None, force=False, hidden=0):
        """Whole files only; all of them after a run that says so. `hidden`: names that a run which was killed may leave."""
        names = sorted(os.listdir(self.output)) if os.path.isdir(self.output) else []
        known = set(self.whole) | {"manifest.json"}
        left = [name for name in names if HIDDEN.fullmatch(name)]
        others = [name for name in names if name not in known and name not in left]
        if others:
            self.fail(what, f"unknown names {others}")
        if len(left) > hidden:
            self.fail(what, f"hidden names {left}")
        for name in set(names) & set(self.whole):
            if digest(os.path.join(self.output, name)) != self.whole[name]:
                self.fail(what, f"{name} is not whole")
        if "manifest.json" in names:
            try:
                with open(os.path.join(self.output, "manifest.json"), encoding="utf-8") as file:
                    json.load(file)
            except ValueError as error:
                self.fail(what, f"manifest.json is not whole: {error}")
        complete = outcome is not None and outcome.status in (0, 1)
        if (complete or force) and known - set(names):
            self.fail(what, f"{sorted(known - set(names))} missing")
        return left

    def sweep(self, what):
        """The next run removes what a dead one left."""
        outcome = self.run(self.split(None, "--force"))
        self.check(f"{what}, the next run", outcome)
        self.check_output(f"{what}, the next run", outcome)

    def end(self, title):
        print(f"{title}: {self.runs} runs, {self.failures} failures", flush=True)
        self.close()
        return 1 if self.failures else 0
