"""Counts this build's work, and compares it with its budgets, with another build or with curl. count.sh calls it."""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from board.card import WORK
from board.report import Report

from . import days, rows, symbols
from .program import AHEAD

BUDGETS = Path(__file__).parent / "budgets.json"
# How much a row may grow: twice what the same build differs by from run to run. A daemon takes another turn of its loop
# for a caller that reads late, and reads tickets that come in time.
TOLERANCE = 0.02
TOLERANCES = {"cached token over the socket": 0.27, "resumed revalidation, rsa-2048": 0.03}
# A day has as many attempts as its random delays make it, and how many there are while a server flaps differs most.
DAY_TOLERANCES = {"day of valid": 0.04, "day of outage": 0.04, "day of flapping": 0.12}


def main():
    arguments = read_arguments()
    with contextlib.suppress(PermissionError):
        os.nice(-AHEAD)
    program = Path(arguments.program)
    if arguments.symbols:
        return by_symbol(program, arguments.symbols)
    if arguments.seldom:
        return by_window(program)
    counted = all_of(program, arguments)
    others = {}
    if arguments.beside:
        others["beside"] = all_of(Path(arguments.beside), arguments)
    if arguments.curl and not arguments.days:
        others["curl"] = dict(rows.curl(Path(arguments.curl)))
    show(counted, others)
    budgets = json.loads(BUDGETS.read_text(encoding="utf-8"))
    if arguments.set:
        budgets |= {name: round(count) for name, count in counted.items()}
        BUDGETS.write_text(json.dumps(budgets, indent=2) + "\n", encoding="utf-8")
        return None
    if arguments.days:
        budgets = {name: budget for name, budget in budgets.items() if name.startswith("day of ")}
    return compare(counted, budgets)


def all_of(program, arguments):
    """What is counted of a program."""
    counted = {} if arguments.days else dict(rows.of(program))
    return counted | dict(days.of(program))


def read_arguments():
    parser = argparse.ArgumentParser(prog="count.sh", description=__doc__)
    parser.add_argument("--program", default=WORK / "jarvis-node")
    parser.add_argument("--beside", help="another build, counted in the same run")
    parser.add_argument("--curl", help="the root of a system with curl")
    parser.add_argument("--symbols", metavar="KEY_TYPE", choices=rows.KEY_TYPES, help="where a check spends its instructions")
    parser.add_argument("--seldom", action="store_true", help="which parts of the program a daemon brings into memory")
    parser.add_argument("--days", action="store_true", help="count only what a day costs")
    parser.add_argument("--set", action="store_true", help="make the budgets what is counted now")
    return parser.parse_args()


def show(counted, others):
    """A table, with the share of each other."""
    print(f"{'':<34}{'counted':>15}" + "".join(f"{name:>15}{'share':>8}" for name in others))
    for name, number in counted.items():
        line = f"{name:<34}{number:>15,.0f}"
        for other in others.values():
            if name in other:
                line += f"{other[name]:>15,.0f}{number / other[name]:>8.2f}"
        print(line, flush=True)


def compare(counted, budgets):
    """Every row with its budget."""
    report = Report()
    report.equal("every row has a budget", sorted(counted), sorted(budgets))
    for name, number in counted.items():
        budget, tolerance = budgets.get(name, 0), tolerance_of(name)
        report.check(
            f"{name} costs at most {tolerance:.0%} more than its budget", number <= budget * (1 + tolerance),
            f"{number:.0f}, where the budget is {budget}",
        )
        if number < budget * (1 - tolerance):
            print(f"{name} costs less than its budget: pi-zero/count.sh --set", flush=True)
    return report.finish()


def tolerance_of(name):
    """How much a row may grow."""
    return TOLERANCES.get(name) or DAY_TOLERANCES.get(name.partition(":")[0], TOLERANCE)


def by_symbol(program, key_type):
    """Where a check spends its instructions."""
    with tempfile.NamedTemporaryFile() as blocks, rows.home(key_type) as home:
        rows.check(program, home.config("check"), blocks=blocks.name)
        for share, executed, name in symbols.of(program, Path(blocks.name)):
            print(f"{share:>6.1%} {executed:>12} {name}")


def by_window(program):
    """Which parts of the program a daemon in `valid` brings into memory, and what of them it executes."""
    with tempfile.NamedTemporaryFile() as blocks:
        rows.revalidation(program, blocks=blocks.name)
        windows = symbols.touched(program, Path(blocks.name))
    for start, size, functions in windows:
        few = "" if len(functions) > symbols.FEW else ", ".join(functions)
        print(f"{start:#10x} {size:>6} bytes of {len(functions)} functions  {few}")
    print(f"{len(windows)} windows of {symbols.WINDOW // 1024} KiB, of which {sum(size for _, size, _ in windows)} bytes are executed")


if __name__ == "__main__":
    sys.exit(main())
