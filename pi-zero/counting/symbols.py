"""Which functions the executed pieces of code belong to."""

import bisect
import re
import subprocess
from collections import Counter

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


def table(program):
    """Where each function starts, and what it is called."""
    listed = subprocess.run(["nm", "--numeric-sort", "--demangle", program], stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    functions = [(int(row[0], 16), HASH.sub("", row[2])) for row in rows if len(row) == 3 and row[1] in "tTwW" and row[2][0] != "$"]
    if not functions:
        raise RuntimeError(f"{program} has no symbols; count.sh builds one that has")
    return [address for address, _ in functions], [name for _, name in functions]
