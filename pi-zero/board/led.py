"""Reads an LED from outside: samples of the pin-level register, decoded into the pattern of an outcome."""

import statistics
import threading
import time

# Places of the pin-level registers among the chip's peripherals.
GPLEV0 = 0x200034
GPLEV1 = 0x200038

# And of the system timer's counter, in microseconds.
COUNTER = 0x3004

SAMPLE_SECONDS = 0.02
CLOCK_READINGS = 5
# Between a flash's 0.2 s of darkness and the 1.2 s between groups.
GROUP_GAP_SECONDS = 0.7
# Longer than any steady part of a pattern (valid-cached is dark every 2 s, groups are 1.2 s apart).
STEADY_SECONDS = 3.5


class Pin:
    """The level of one GPIO line that drives an LED."""

    def __init__(self, machine, gpio):
        self._qmp = machine.qmp
        board = machine.board
        self._active_low = gpio == board.own_led and board.own_led_is_active_low
        self._register, self._bit = board.register(GPLEV1 if gpio >= 32 else GPLEV0), gpio % 32

    def is_lit(self):
        """Whether the LED is lit now."""
        return bool(self._qmp.read_word(self._register) >> self._bit & 1) != self._active_low


class Lamp:
    """Samples one GPIO line until it is closed."""

    def __init__(self, machine, gpio):
        self._pin = Pin(machine, gpio)
        self._samples = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def now(self):
        """A moment to pass to `since` later."""
        return time.monotonic()

    def runs(self, since):
        """The lamp's states since `moment` as (lit, seconds); the first and the last are incomplete."""
        return runs([sample for sample in list(self._samples) if sample[0] >= since])

    def wait_for(self, pattern, seconds, since=None):
        """Waits until the lamp shows the pattern. Returns the pattern shown at the end of the time."""
        since = self.now() if since is None else since
        deadline = self.now() + seconds
        while True:
            shown = decode(self.runs(since))
            if shown == pattern or self.now() > deadline:
                return shown
            self._stopped.wait(0.1)

    def close(self):
        """Stops sampling."""
        self._stopped.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _sample(self):
        while not self._stopped.is_set():
            try:
                lit = self._pin.is_lit()
            except (OSError, ValueError, RuntimeError):
                return  # the machine is gone
            self._samples.append((time.monotonic(), lit))
            self._stopped.wait(SAMPLE_SECONDS)


class FirstLight:
    """Waits from its making for the LED to be lit, and notes that moment by the machine's own clock, which a busy host
    slows down with all that happens there."""

    def __init__(self, machine, gpio):
        self._machine = machine
        self._pin = Pin(machine, gpio)
        self._seen = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def seconds(self, within):
        """The seconds from the kernel's start to the first light, at most: read when the board takes commands. None if it
        was not lit `within` so many seconds from now."""
        self._thread.join(within)
        self._stopped.set()
        if self._seen is None:
            return None
        # Read before the kernel's clock, so that the difference is at least the counter's lead on it: the least is closest.
        starts = []
        for _ in range(CLOCK_READINGS):
            counter = self._counter() / 1e6
            starts.append(float(self._machine.read("read -r up _ </proc/uptime; echo $up")) - counter)
        return self._seen / 1e6 + min(starts)

    def _counter(self):
        return self._machine.qmp.read_word(self._machine.board.register(COUNTER))

    def _watch(self):
        try:
            while not self._stopped.wait(SAMPLE_SECONDS / 4):
                if self._pin.is_lit():
                    self._seen = self._counter()
                    return
        except (OSError, ValueError, RuntimeError):
            pass  # the machine is gone


def runs(samples):
    """Joins samples of one level: (lit, seconds) each."""
    joined = []
    for (moment, lit), (following, _) in zip(samples, samples[1:]):
        if joined and joined[-1][0] == lit:
            joined[-1][1] += following - moment
        else:
            joined.append([lit, following - moment])
    return [tuple(run) for run in joined]


def decode(shown):
    """The pattern at the end of the samples, or None if they do not tell it.

    Durations are judged by their median and with wide limits, flashes by their number:
    the emulator's host may be busy.
    """
    if not shown:
        return None
    lit, seconds = shown[-1]
    if seconds >= STEADY_SECONDS:
        return "on" if lit else "dark"
    whole = shown[1:-1]
    if (flashes := last_groups(whole)) is not None:
        return f"{flashes} flashes"
    bright = [seconds for lit, seconds in whole[-8:] if lit]
    dark = [seconds for lit, seconds in whole[-8:] if not lit]
    if len(bright) < 2 or len(dark) < 2 or max(dark) > GROUP_GAP_SECONDS:
        return None
    if statistics.median(bright) > 1.2:
        return "on with short gaps"
    if len(whole) >= 8 and statistics.median(bright) < 0.15 and statistics.median(dark) < 0.15:
        return "fast blink"
    return None


def last_groups(whole):
    """The number of flashes in a group, if the last two complete groups agree on it."""
    counts = []
    flashes = None  # unknown until the first pause: a group begun before we looked is not counted
    for lit, seconds in whole:
        if not lit and seconds > GROUP_GAP_SECONDS:
            if flashes:
                counts.append(flashes)
            flashes = 0
        elif lit and seconds > 1.0:
            flashes, counts = None, []  # steady light is no flash: the pattern before was another
        elif lit and flashes is not None:
            flashes += 1
    if len(counts) < 2 or counts[-1] != counts[-2] or (flashes or 0) > counts[-1]:
        return None  # it kept flashing, so there are no groups any more
    return counts[-1]
