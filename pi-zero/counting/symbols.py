"""Which functions the executed pieces of code belong to."""

import bisect
import re
import subprocess
from collections import Counter, defaultdict

# In bytes: what the kernel maps around each page of a program that is touched (fault_around_bytes).
WINDOW = 1 << 16
# A window with no more functions than these shows their names: they may be in the wrong place.
FEW = 20
# The hash at the end of a symbol's name.
HASH = re.compile(r"(::h[0-9a-f]{16}|\[[0-9a-f]{16}\])")


def of(program, blocks, least=0.002):
    """The functions of an unstripped program by their instructions: (share, instructions, name), the busiest first."""
    addresses, names = table(program)
    executed = Counter()
    for line in blocks.read_text(encoding="ascii").splitlines():
        address, count = line.split()
        at = bisect.bisect_right(addresses, int(address, 16)) - 1
        executed[names[at] if at >= 0 else "?"] += int(count)
    total = executed.total()
    return [(count / total, count, name) for name, count in executed.most_common() if count >= least * total]


def touched(program, blocks):
    """How the executed code lies in an unstripped program: for each window the kernel brings in, (address, bytes of the
    functions that are executed, their names)."""
    addresses, names = table(program)
    at = {bisect.bisect_right(addresses, int(line.split()[0], 16)) - 1 for line in blocks.read_text(encoding="ascii").splitlines()}
    windows = defaultdict(list)
    for function in sorted(at):
        end = addresses[function + 1] if function + 1 < len(addresses) else addresses[function]
        windows[addresses[function] // WINDOW * WINDOW].append((end - addresses[function], names[function]))
    return [(start, sum(size for size, _ in functions), [name for _, name in functions]) for start, functions in windows.items()]


def table(program):
    """Where each function starts, and what it is called."""
    listed = subprocess.run(["nm", "--numeric-sort", "--demangle", program], stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    functions = [(int(row[0], 16), HASH.sub("", row[2])) for row in rows if len(row) == 3 and row[1] in "tTwW" and row[2][0] != "$"]
    if not functions:
        raise RuntimeError(f"{program} has no symbols; count.sh builds one that has")
    return [address for address, _ in functions], [name for _, name in functions]
