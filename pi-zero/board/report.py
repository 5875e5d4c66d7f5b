"""The record of a test run."""

import sys
import time


class Report:
    """Counts and prints each assertion."""

    def __init__(self):
        self._passed = 0
        self._failed = 0
        self._started = time.monotonic()

    def say(self, line):
        """One line of the record, with the seconds since the start."""
        print(f"[{time.monotonic() - self._started:5.0f} s] {line}", flush=True)

    def check(self, what, holds, otherwise=""):
        """One assertion; `otherwise` describes what was seen instead. Returns whether it holds."""
        if holds:
            self._passed += 1
            self.say(f"pass  {what}")
        else:
            self._failed += 1
            self.say(f"FAIL  {what}{': ' + str(otherwise) if otherwise != '' else ''}")
        return holds

    def equal(self, what, seen, expected):
        """Asserts that a value is the expected one."""
        return self.check(what, seen == expected, f"saw {seen!r} instead of {expected!r}")

    def budgets(self, title, rows):
        """A table of measurements: (what, measured, unit, budget); a budget of None is only printed."""
        print(f"\n{title}")
        for what, measured, unit, budget in rows:
            figure = f"{measured:.3f}" if isinstance(measured, float) else str(measured)
            limit = "" if budget is None else f"  at most {budget}"
            print(f"  {what:<48}{figure:>12} {unit:<6}{limit}")
        print()
        for what, measured, unit, budget in rows:
            if budget is not None:
                self.check(f"{what} is at most {budget} {unit}".rstrip(), measured <= budget, f"{measured} {unit}")

    def finish(self):
        """Prints the last line and exits, with 1 if an assertion failed."""
        print(f"{self._passed} passed, {self._failed} failed", flush=True)
        sys.exit(1 if self._failed or not self._passed else 0)
