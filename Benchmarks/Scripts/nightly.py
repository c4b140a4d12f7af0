#!/usr/bin/python3
"""What a night costs: `batch` over many dumps against a shell loop of `split`, and what flattened files and split sets cost
over the plain dump. Prints Markdown.

    nightly.py PROGRAM --dump HOST [--flat FILE] [--parts FILE...] [--dumps 64] [--rounds 3] --scratch DIR

HOST is a kdump of the size that matters; the dumps are copies of it that differ in their headers' timestamp, as nights
differ. FILE is the same host flattened (makedumpfile -F), PARTS the same as a split set. DIR takes all copies and the outputs
of one run; it is emptied. Contenders take turns, in every round another begins; the file system is synced before each.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import threading
import time

# Documentation/kdump-compressed.md §2: the header's timestamp.
TIMESTAMP = 416


class Measured:
    """Rounds of one contender: seconds on the clock, seconds of CPU, anonymous memory of all its processes at most."""

    def __init__(self):
        self.wall, self.cpu, self.memory = [], [], []

    def row(self, name, base=None):
        ratio = "1" if base is None else f"{statistics.median(a / b for a, b in zip(self.wall, base.wall)):.2f}"
        cpu = "1" if base is None else f"{statistics.median(a / b for a, b in zip(self.cpu, base.cpu)):.2f}"
        spread = f"{min(self.wall):.2f} to {max(self.wall):.2f}"
        return (f"| {name} | {statistics.median(self.wall):.2f} | {spread} | {statistics.median(self.cpu):.2f} | {ratio} | {cpu} "
                f"| {max(self.memory) / 1024:.0f} MiB |")


HEADING = """| | wall s | spread | CPU s | wall, ratio | CPU, ratio | anonymous memory |
|---|---|---|---|---|---|---|"""


def family(root):
    """A process and all below it."""
    found, left = [], [root]
    while left:
        number = left.pop()
        found.append(number)
        try:
            for task in os.listdir(f"/proc/{number}/task"):
                with open(f"/proc/{number}/task/{task}/children", encoding="ascii") as file:
                    left += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def anonymous(numbers):
    """RssAnon of processes together, KiB."""
    total = 0
    for number in numbers:
        try:
            with open(f"/proc/{number}/status", encoding="ascii", errors="replace") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
        except OSError:
            pass
    return total


def measure(command, into, wanted):
    subprocess.run(["sync"], check=True)
    before = os.times()
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    highest, over = [0], threading.Event()

    def watch():
        while not over.wait(0.01):
            highest[0] = max(highest[0], anonymous(family(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    errors = process.stderr.read().decode()
    process.wait()
    span = time.monotonic() - began
    over.set()
    watcher.join()
    after = os.times()
    if process.returncode not in wanted:
        raise SystemExit(f"{command[:3]}: exit {process.returncode}: {errors[-500:]}")
    into.wall.append(span)
    into.cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
    into.memory.append(highest[0])


def sizes(output):
    """Sizes of the guests' dumps, whatever their directories are called."""
    return sorted(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(output) for name in names
                  if name.endswith(".kdump"))


def race(contenders, rounds, output):
    """Runs contenders in turns; all must write the same."""
    results = {name: Measured() for name in contenders}
    written = None
    for number in range(rounds + 1):
        names = list(contenders)
        for name in names[number % len(names):] + names[:number % len(names)]:
            shutil.rmtree(output, ignore_errors=True)
            # The first round warms up.
            measure(contenders[name], results[name] if number else Measured(), (0, 1))
            written = written or sizes(output)
            if not written or sizes(output) != written:
                raise SystemExit(f"{name}: it wrote other files")
    shutil.rmtree(output, ignore_errors=True)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--dump", required=True)
    parser.add_argument("--flat")
    parser.add_argument("--parts", nargs="+", default=[])
    parser.add_argument("--dumps", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", required=True)
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    dumps, output = os.path.join(options.scratch, "dumps"), os.path.join(options.scratch, "out")
    shutil.rmtree(dumps, ignore_errors=True)
    os.makedirs(dumps)
    for number in range(options.dumps):
        path = os.path.join(dumps, f"night{number:02}.kdump")
        shutil.copyfile(options.dump, path)
        with open(path, "r+b") as file:
            file.seek(TIMESTAMP)
            file.write(number.to_bytes(8, "little"))
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    load = os.getloadavg()
    print(f"{version}; {os.cpu_count()} cores, load {load[0]:.1f} when it began\n")
    print(f"## {options.dumps} dumps of {os.path.getsize(options.dump) / 1e6:.0f} MB\n\n{HEADING}")
    loop = 'for dump in "$2"/*; do "$1" split -q "$dump" --output "$3/$(basename "$dump")" || [ $? = 1 ] || exit; done'
    batch = [program, "batch", dumps, "--output", output, "--quiet"]
    results = race({"loop of split": ["sh", "-c", loop, "sh", program, dumps, output],
                    "batch, 1 job": batch, "batch, 2 jobs": [*batch, "--jobs", "2"]}, options.rounds, output)
    base = results["loop of split"]
    for name, measured in results.items():
        print(measured.row(name, None if measured is base else base))
    # A night in which nothing is new.
    subprocess.run(batch, check=False)
    again = Measured()
    for _ in range(options.rounds):
        measure(batch, again, (0, 1))
    print(again.row("batch again, nothing new", base))
    shutil.rmtree(output, ignore_errors=True)
    shutil.rmtree(dumps)
    forms = {"plain": [options.dump]}
    forms.update({"flattened": [options.flat]} if options.flat else {})
    forms.update({f"split set of {len(options.parts)}": options.parts} if options.parts else {})
    for command, arguments in (("split", ["--output", output]), ("list", [])):
        print(f"\n## `{command}` of the same host in other forms\n\n{HEADING}")
        results = {}
        contenders = {name: [program, command, "-q", *files, *arguments] for name, files in forms.items()}
        if command == "split":
            results = race(contenders, options.rounds * 5, output)
        else:
            results = {name: Measured() for name in contenders}
            for number in range(options.rounds * 5 + 1):
                for name, words in contenders.items():
                    measure(words, results[name] if number else Measured(), (0, 1))
        for name, measured in results.items():
            print(measured.row(name, None if name == "plain" else results["plain"]))


if __name__ == "__main__":
    main()
